-- service
ServiceName = {service:String}
