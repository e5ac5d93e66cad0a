/// What KrakenD's keys are called in its versions, and what becomes of those that have no other place here.
enum KrakenDNames {
    /// A namespace of `extra_config` as version 3 has it.
    static func namespace(_ name: String) -> String {
        let spelled = name.replacing("github_com/", with: "github.com/")
        guard spelled.hasPrefix("github.com/") else { return name }
        return earlier.first { spelled.hasSuffix($0.end) }?.name ?? name
    }

    /// What namespaces of version 2 end in: the account before it has changed.
    private static let earlier: [(end: String, name: String)] = [
        ("/transport/http/server/handler", "plugin/http-server"),
        ("/transport/http/client/executor", "plugin/http-client"),
        ("/proxy/plugin", "plugin/req-resp-modifier"),
        ("krakend-ratelimit/juju/router", "qos/ratelimit/router"),
        ("krakend-ratelimit/rate/router", "qos/ratelimit/router"),
        ("krakend-ratelimit/juju/proxy", "qos/ratelimit/proxy"),
        ("krakend-ratelimit/rate/proxy", "qos/ratelimit/proxy"),
        ("krakend/proxy", "proxy"), ("lura/proxy", "proxy"),
        ("lura/router/gin", "router"), ("krakend/router/gin", "router"),
        ("krakend/http", "backend/http"), ("lura/http", "backend/http"), ("lura/transport/http/client", "backend/http"),
        ("krakend-httpcache", "qos/http-cache"),
        ("krakend-circuitbreaker/gobreaker", "qos/circuit-breaker"),
        ("krakend-oauth2-clientcredentials", "auth/client-credentials"),
        ("krakend-jose/validator", "auth/validator"), ("krakend-jose/signer", "auth/signer"),
        ("bloomfilter", "auth/revoker"),
        ("krakend-botdetector", "security/bot-detector"), ("krakend-httpsecure", "security/http"),
        ("krakend-cors", "security/cors"),
        ("krakend-cel", "validation/cel"), ("krakend-jsonschema", "validation/json-schema"),
        ("krakend-amqp/agent", "async/amqp"), ("krakend-amqp/consume", "backend/amqp/consumer"),
        ("krakend-amqp/produce", "backend/amqp/producer"), ("krakend-lambda", "backend/lambda"),
        ("krakend-pubsub/publisher", "backend/pubsub/publisher"),
        ("krakend-pubsub/subscriber", "backend/pubsub/subscriber"),
        ("krakend/transport/http/client/graphql", "backend/graphql"),
        ("krakend-martian", "modifier/martian"), ("krakend-lua/router", "modifier/lua-endpoint"),
        ("krakend-lua/proxy", "modifier/lua-proxy"), ("krakend-lua/proxy/backend", "modifier/lua-backend"),
        ("krakend-gologging", "telemetry/logging"), ("krakend-logstash", "telemetry/logstash"),
        ("krakend-gelf", "telemetry/gelf"), ("krakend-influx", "telemetry/influx"),
        ("letgoapp/krakend-influx", "telemetry/influx"),
        ("krakend-metrics", "telemetry/metrics"), ("krakend-opencensus", "telemetry/opencensus"),
        ("krakend-newrelic", "telemetry/newrelic"), ("krakend-etcd", "etcd"), ("krakend-consul", "consul"),
    ]

    /// What becomes of a key or namespace.
    enum Fate {
        /// It has no effect on answers, or its effect is there anyway.
        case needless
        case leftOut(String)
        case differs(String)
    }

    /// Keys of the service that nothing else here reads.
    static let serviceKeys: [String: Fate] = [
        "name": .needless, "version": .needless, "endpoints": .needless, "schema_version": .needless,
        "sequential_start": .needless, "disable_rest": .needless, "disable_strict_rest": .needless,
        "max_idle_connections": .needless, "max_idle_connections_per_host": .needless, "dialer_keep_alive": .needless,
        "dialer_fallback_delay": .needless, "expect_continue_timeout": .needless, "disable_compression": .needless,
        "use_h2c": .leftOut("clients are served over HTTP/1.1; a proxy in front may speak HTTP/2"),
        "tls": .leftOut("leave TLS to a proxy in front"),
        "client_tls": .leftOut("set 'tls' of each upstream"),
        "allow_insecure_connections": .leftOut(
            "certificates are always verified; set the authority with 'tls.ca' of the upstream"),
        "disable_keep_alives": .leftOut(
            "connections are kept alive; 'max_connection_age' of an upstream limits for how long"),
        "async_agent": .leftOut("upstreams are HTTP services, not queues"),
        "plugin": .leftOut("gatherd has no plugins"),
        "debug_endpoint": .leftOut("gatherd has no such endpoint; 'gatherd trace URL' shows what an endpoint does"),
        "echo_endpoint": .leftOut("gatherd has no such endpoint"),
        "response_header_timeout": .differs("the head has no timeout of its own; the call's 'timeout' covers it"),
        "max_header_bytes": .differs("see the server's 'limits.head', 16KiB by default"),
        "max_shutdown_wait_time": .differs("see the server's 'timeouts.shutdown', 30s by default"),
    ]

    /// Keys of an endpoint that nothing else here reads.
    static let endpointKeys: [String: Fate] = [
        "dns_srv": .leftOut("names are resolved to addresses, not to SRV records")
    ]

    /// Keys of a backend that nothing else here reads.
    static let backendKeys: [String: Fate] = [
        "disable_host_sanitize": .needless, "sd_scheme": .needless,
    ]

    /// Namespaces that nothing else here reads, whether of the service, an endpoint or a backend.
    static let namespaces: [String: Fate] = [
        "documentation/openapi": .differs("no documentation is generated from the configuration"),
        "telemetry/logging": .differs(
            "the log goes to standard error; 'access_log: false' turns off its line for each request"),
        "telemetry/logstash": .leftOut("the log goes to standard error, as lines of text"),
        "telemetry/gelf": .leftOut("the log goes to standard error, as lines of text"),
        "telemetry/metrics": .differs("metrics are at /metrics of the admin address, in Prometheus' format"),
        "telemetry/influx": .leftOut("metrics are at /metrics of the admin address, for Prometheus to scrape"),
        "telemetry/opencensus": .leftOut("metrics are at /metrics of the admin address, for Prometheus to scrape"),
        "telemetry/opentelemetry": .leftOut("metrics are at /metrics of the admin address, for Prometheus to scrape"),
        "telemetry/newrelic": .leftOut("metrics are at /metrics of the admin address, for Prometheus to scrape"),
        "telemetry/moesif": .leftOut("gatherd does not report to it"),
        "telemetry/instana": .leftOut("gatherd does not report to it"),
        "telemetry/ganalytics": .leftOut("gatherd does not report to it"),
        "auth/signer": .leftOut("gatherd does not sign tokens"),
        "auth/revoker": .leftOut("tokens cannot be revoked"),
        // What these say of the service has no effect by itself; endpoints that have them are read elsewhere.
        "auth/validator": .needless,
        "auth/api-keys": .leftOut("gatherd reads keys from a file: see 'api_keys' of 'access'"),
        "auth/basic": .leftOut("passwords are not supported"),
        "auth/client-credentials": .leftOut(
            "gatherd does not fetch tokens for upstreams; set a constant one in 'headers', as in \"Bearer ${TOKEN}\""),
        "auth/gcp": .leftOut("gatherd does not fetch tokens for upstreams"),
        "auth/ntlm": .leftOut("gatherd does not support NTLM"),
        "qos/http-cache": .leftOut(
            "answers are not cached; an upstream's 'coalesce' shares the response of identical calls, and a call's 'stale_for' bridges failures"
        ),
        "qos/ratelimit/tiered": .leftOut("one limit applies to all; write a 'rate_limit' by hand"),
        "security/bot-detector": .leftOut("clients are not distinguished by their User-Agent"),
        "security/policies": .leftOut("gatherd has no expression language"),
        "validation/cel": .leftOut(
            "gatherd has no expression language; 'when' tests whether a value is present and true"),
        "validation/json-schema": .leftOut("request bodies are not validated against a schema"),
        "validation/response-json-schema": .leftOut("bodies are not validated against a schema"),
        "modifier/jmespath": .leftOut(
            "gatherd has no query language; 'target', 'allow', 'deny', 'mapping' and 'response' shape bodies"),
        "modifier/lua-endpoint": .leftOut("gatherd has no scripts"),
        "modifier/lua-proxy": .leftOut("gatherd has no scripts"),
        "modifier/lua-backend": .leftOut("gatherd has no scripts"),
        "modifier/body-generator": .leftOut("write the call's 'body' by hand"),
        "modifier/request-body-generator": .leftOut("write the call's 'body' by hand"),
        "modifier/response-body-generator": .leftOut("write the endpoint's 'response' by hand"),
        "modifier/response-headers": .leftOut("write the endpoint's 'fields' by hand"),
        "plugin/http-server": .leftOut("gatherd has no plugins"),
        "plugin/req-resp-modifier": .leftOut("gatherd has no plugins"),
        "plugin/middleware": .leftOut("gatherd has no plugins"),
        "server/static-filesystem": .leftOut(
            "gatherd does not serve files; a 'proxy' passes them through from a server that does"),
        "server/virtualhost": .leftOut("every host name has the same endpoints"),
        "websocket": .leftOut("WebSockets are not passed through"),
        "workflow": .leftOut("write it as calls that refer to each other"),
        "grpc": .leftOut("upstreams and clients speak HTTP and JSON"),
        "redis": .leftOut("each process has limits of its own"),
        "etcd": .leftOut("hosts are listed in the file"), "consul": .leftOut("hosts are listed in the file"),
        "async/amqp": .leftOut("upstreams are HTTP services, not queues"),
        "ai/mcp": .leftOut("gatherd has no equivalent"), "ai/llm": .leftOut("gatherd has no equivalent"),
    ]

    /// Namespaces of a backend that is not an HTTP service, so that there can be no call.
    static let otherServices = [
        "backend/amqp", "backend/lambda", "backend/pubsub", "backend/graphql", "backend/grpc", "backend/soap",
        "backend/static-filesystem", "backend/conditional", "backend/redis", "ai/",
    ]
}

extension ImportedText {
    /// Says what becomes of keys that nothing else has looked at.
    mutating func settle(_ members: [Node.Member], by fates: [String: KrakenDNames.Fate]) {
        for member in members {
            let name = KrakenDNames.namespace(member.name)
            switch fates[name] {
            case .needless: continue
            case .differs(let text): differs(name, text, at: member.position)
            case .leftOut(let reason): leaveOut(name, reason, at: member.position)
            case nil: leaveOut(member.name, "unknown key", at: member.position)
            }
        }
    }

    /// A value as its reader has it; left out if it has none.
    mutating func value<Value>(of member: Node.Member?, _ read: (Node) -> Value?) -> Value? {
        guard let member, !member.value.isNull else { return nil }
        if let value = read(member.value) { return value }
        return leaveOut(member.name, "its value has the wrong type", at: member.position)
    }
}

extension Node {
    fileprivate var isNull: Bool { if case .scalar(let scalar) = content { scalar.isNull } else { false } }
}
