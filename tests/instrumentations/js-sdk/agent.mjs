// The JavaScript SDK's OTLP exporters: the same spans, logs and points as JSON, as protobuf and over gRPC.

import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetrics } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as JsonMetrics } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoMetrics } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const VALUES = {
  string: "plain",
  "string.empty": "",
  "string.unicode": "Zürich 東京 🧾 e\u0301 \u202e rtl",
  "string.controls": "tab\t newline\n quote\" backslash\\ nul\u0000 bell\u0007",
  "bool.true": true,
  "bool.false": false,
  int: 42,
  "int.zero": 0,
  "int.negative": -1,
  "int.largest.safe": Number.MAX_SAFE_INTEGER,
  "int.beyond.safe": 2 ** 53,
  double: 0.1,
  "double.whole": 3.0,
  "double.negative.zero": -0.0,
  "double.nan": NaN,
  "double.infinity": Infinity,
  "double.negative.infinity": -Infinity,
  "double.smallest": Number.MIN_VALUE,
  "array.strings": ["a", "", "ü"],
  "array.ints": [1, -1, 2 ** 40],
  "array.doubles": [0.5, 3.0, NaN],
  "array.bools": [true, false],
  "array.holes": [null, "a", undefined],
  "array.empty": [],
};

// Log records take any value; span attributes only flat ones.
const NESTED = {
  map: { a: 1, b: "two", c: 2.5, d: true, e: new Uint8Array([0, 255]), f: null },
  "map.empty": {},
  "array.mixed": [1, "two", 2.5, true, null, new Uint8Array([255]), [2 ** 40], { k: NaN }],
  deep: { 1: [{ 2: [{ 3: [{ 4: { 5: ["six", 6, 6.5, null] } }] }] }] },
  bytes: new Uint8Array([0, 1, 254, 255]),
  none: null,
};

const MESSAGES = [
  { role: "user", parts: [{ type: "text", content: "Is CLM-2041 covered? „Wasser überall“ 💧" }] },
  {
    role: "assistant",
    parts: [{ type: "tool_call", id: "call_1", name: "look_up_claim", arguments: { claim_id: "CLM-2041", limit: 3 } }],
  },
  { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", result: { open: true, amounts: [1250.0, null] } }] },
];

function sendTraces(provider) {
  const tracer = provider.getTracer("every-kind", "1.0.0", {
    schemaUrl: "https://opentelemetry.io/schemas/1.37.0",
  });
  const root = tracer.startSpan("every kind", { kind: SpanKind.SERVER, attributes: VALUES });
  const inside = trace.setSpan(context.active(), root);
  root.addEvent("every kind", VALUES);
  root.addEvent("no attributes");
  const remote = {
    traceId: "0102030405060708090a0b0c0d0e0f10",
    spanId: "00f067aa0ba902b7",
    traceFlags: 1,
    isRemote: true,
  };
  tracer
    .startSpan("links", { kind: SpanKind.PRODUCER, links: [{ context: remote, attributes: { why: "follows" } }] }, inside)
    .end();
  const agent = tracer.startSpan("invoke_agent claims-clerk", {}, inside);
  agent.setAttributes({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "claims-clerk" });
  const chat = tracer.startSpan("chat gpt-4o-mini", { kind: SpanKind.CLIENT }, trace.setSpan(inside, agent));
  chat.setAttributes({
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.usage.input_tokens": 1420,
    "gen_ai.usage.output_tokens": 85,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": JSON.stringify(MESSAGES),
  });
  chat.addEvent("muster.approval", { "muster.approval.decision": "denied", "muster.approval.approver": "Zoë" });
  chat.end();
  agent.end();
  const failed = tracer.startSpan("execute_tool pay", { kind: SpanKind.INTERNAL }, inside);
  failed.recordException({ name: "LimitError", message: "over the limit" });
  failed.setStatus({ code: SpanStatusCode.ERROR, message: "over the limit" });
  failed.end();
  const done = tracer.startSpan("status ok", { kind: SpanKind.CONSUMER }, inside);
  done.setStatus({ code: SpanStatusCode.OK });
  done.end();
  root.end();
}

function sendLogs(provider) {
  const logger = provider.getLogger("every-kind", "1.0.0", {
    schemaUrl: "https://opentelemetry.io/schemas/1.37.0",
  });
  const timestamp = new Date("2025-10-09T08:53:20.123Z");
  for (const body of [...Object.values(VALUES), ...Object.values(NESTED), MESSAGES]) {
    logger.emit({ timestamp, severityNumber: SeverityNumber.INFO, severityText: "INFO", body, eventName: "every.body" });
  }
  logger.emit({ timestamp, body: "every attribute", attributes: { ...VALUES, ...NESTED } });
  const spanContext = {
    traceId: "0102030405060708090a0b0c0d0e0f10",
    spanId: "00f067aa0ba902b7",
    traceFlags: 1,
  };
  logger.emit({
    timestamp,
    eventName: "gen_ai.client.inference.operation.details",
    attributes: { "gen_ai.input.messages": MESSAGES },
    context: trace.setSpanContext(context.active(), spanContext),
  });
  logger.emit({ eventName: "only.a.name" });
}

function sendMetrics(provider) {
  const meter = provider.getMeter("every-kind", "1.0.0", { schemaUrl: "https://opentelemetry.io/schemas/1.37.0" });
  meter.createCounter("requests", { unit: "{request}", description: "Requests" }).add(2 ** 40, { ok: true, code: 429 });
  meter.createCounter("cost", { unit: "USD" }).add(0.000125);
  meter.createUpDownCounter("open_claims").add(-4, { branch: "Zürich" });
  meter.createGauge("temperature", { unit: "Cel" }).record(21.5, { where: "cellar" });
  meter.createObservableGauge("observed.gauge").addCallback((result) => result.observe(7, { shard: 0 }));
  const duration = meter.createHistogram("gen_ai.client.operation.duration", {
    unit: "s",
    advice: { explicitBucketBoundaries: [0.01, 0.1, 1, 10] },
  });
  for (const seconds of [0.005, 0.05, 0.5, 0.5, 5, 50]) duration.record(seconds, { "gen_ai.request.model": "gpt-4o-mini" });
  const sizes = meter.createHistogram("sizes.exponential", { unit: "By" });
  for (const size of [0, 1, 3, 1000, 2 ** 40]) sizes.record(size);
}

async function send(spans, logs, metrics) {
  // Built by hand: the default resource would name the process, its command line and the host.
  const resource = resourceFromAttributes({
    "service.name": process.env.OTEL_SERVICE_NAME,
    "service.version": "1.4.2",
    "deployment.environment.name": "recording",
    numbers: [1, 2],
    ratio: 0.5,
    flag: true,
  });
  const tracers = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(spans)] });
  const loggers = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: logs })] });
  const reader = new PeriodicExportingMetricReader({ exporter: metrics, exportIntervalMillis: 600_000 });
  const exponential = {
    instrumentName: "sizes.exponential",
    aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize: 8 } },
  };
  const meters = new MeterProvider({ resource, readers: [reader], views: [exponential] });
  sendTraces(tracers);
  sendLogs(loggers);
  sendMetrics(meters);
  for (const provider of [tracers, loggers, meters]) await provider.shutdown();
}

const http = (signal) => ({ url: `${process.env.OTLP_HTTP}/v1/${signal}` });
const gzip = (signal) => ({ ...http(signal), compression: CompressionAlgorithm.GZIP });
const grpc = { url: process.env.OTLP_GRPC };

await send(new JsonTraces(http("traces")), new JsonLogs(http("logs")), new JsonMetrics(http("metrics")));
await send(new ProtoTraces(gzip("traces")), new ProtoLogs(gzip("logs")), new ProtoMetrics(gzip("metrics")));
await send(new GrpcTraces(grpc), new GrpcLogs(grpc), new GrpcMetrics(grpc));
