// What the JavaScript SDK sends of values that OTLP has no place for: one value and one request each.

import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";

const ODD = {
  "string.lone.surrogate": "half \ud83e of a sign",
  "int.beyond.int64": 2 ** 64,
  "int.most.negative": -(2 ** 63),
  "double.largest": Number.MAX_VALUE,
};

async function send(exporter) {
  const resource = resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME });
  const provider = new NodeTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracer = provider.getTracer("odd", "1.0.0");
  for (const [key, value] of Object.entries(ODD)) {
    tracer.startSpan(key, { attributes: { [key]: value, "gen_ai.operation.name": "chat" } }).end();
    await provider.forceFlush();
  }
  await provider.shutdown();
}

const url = `${process.env.OTLP_HTTP}/v1/traces`;
await send(new JsonTraces({ url }));
await send(new ProtoTraces({ url }));
