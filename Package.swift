// swift-tools-version: 6.2
import PackageDescription

// `scripts/check` turns warnings into errors; a user's newer compiler does not.
let strict = Context.environment["GATHERD_WARNINGS_AS_ERRORS"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .strictMemorySafety(),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("ExistentialAny"),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

// Debian's package has the archive, and the program needs no libyaml where it is copied to. Others have the shared
// library only.
let libyaml = Context.environment["GATHERD_SHARED_LIBYAML"] == nil ? ":libyaml.a" : "yaml"

let package = Package(
    name: "gatherd",
    products: [
        .library(name: "EventLoop", targets: ["EventLoop"]),
        .library(name: "EventLoopTesting", targets: ["EventLoopTesting"]),
        .library(name: "Fetch", targets: ["Fetch"]),
        .library(name: "Gather", targets: ["Gather"]),
        .library(name: "GatherFetch", targets: ["GatherFetch"]),
        .library(name: "HTTPServer", targets: ["HTTPServer"]),
        .library(name: "HTTPServerTesting", targets: ["HTTPServerTesting"]),
        .library(name: "HTTPWire", targets: ["HTTPWire"]),
        .library(name: "JSONText", targets: ["JSONText"]),
        .library(name: "Telemetry", targets: ["Telemetry"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        // Without its trait FoundationURL: that is all it would need Foundation for.
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0", traits: []),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing.git", from: "1.7.3"),
    ],
    targets: [
        .systemLibrary(name: "CPlatform"),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CYaml", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(
            name: "EventLoop",
            dependencies: ["CPlatform", .product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: settings),
        // What users of the loop test with: virtual time, streams in memory, and checks of what is left behind.
        .target(name: "EventLoopTesting", dependencies: ["EventLoop"], swiftSettings: settings),
        .target(
            name: "HTTPWire",
            dependencies: [.product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: settings),
        .target(name: "JSONText", swiftSettings: settings),
        // Signed tokens (JWT) and the keys to verify them with, without I/O.
        .target(name: "Tokens", dependencies: ["CCrypto", "JSONText"], swiftSettings: settings),
        .target(
            name: "HTTPServer",
            dependencies: [
                "CPlatform", "EventLoop", "HTTPWire", "JSONText",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        // What handlers are tested with: requests and answers in memory, on virtual time.
        .target(
            name: "HTTPServerTesting",
            dependencies: [
                "EventLoop", "EventLoopTesting", "HTTPServer", "HTTPWire",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "Fetch",
            dependencies: [
                "CCurl", "EventLoop", "HTTPWire", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "Gather",
            dependencies: [
                "EventLoop", "HTTPWire", "JSONText", .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
            ],
            swiftSettings: settings),
        // The engine and the client together: neither knows the other.
        .target(
            name: "GatherFetch", dependencies: ["EventLoop", "Fetch", "Gather", "HTTPWire"], swiftSettings: settings),
        // For users of the libraries alone: gatherd counts and traces without a facade.
        .target(
            name: "Telemetry",
            dependencies: [
                "EventLoop", "Fetch", "Gather", "HTTPServer", "HTTPWire",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings),
        // A plan's calls drawn, simulated and tested, without a socket.
        .target(
            name: "Rehearsal",
            dependencies: [
                "EventLoop", "Gather", "HTTPWire", "JSONText",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        // Calls as bars on one time line: of a chart in a terminal, and of a picture.
        .target(name: "Waterfall", dependencies: ["EventLoop", "JSONText"], swiftSettings: settings),
        .target(
            name: "GatherConfig",
            dependencies: [
                "CYaml", "EventLoop", "Gather", "HTTPWire", "JSONText", "Rehearsal", "Tokens",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings, linkerSettings: [.linkedLibrary(libyaml)]),
        .target(
            name: "DemoUpstream",
            dependencies: [
                "EventLoop", "HTTPServer", "HTTPWire", "JSONText", "Waterfall",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .target(
            name: "GatherService",
            dependencies: [
                "CPlatform", "CZlib", "DemoUpstream", "EventLoop", "Fetch", "Gather", "GatherConfig", "GatherFetch",
                "HTTPServer", "HTTPWire", "JSONText", "Rehearsal", "Tokens", "Waterfall",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "gatherd",
            dependencies: [
                "CPlatform", "DemoUpstream", "EventLoop", "Fetch", "Gather", "GatherConfig", "GatherService",
                "HTTPServer", "HTTPWire", "JSONText", "Rehearsal", "Waterfall",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // What tests of loops share: when a loop is settled, and what descriptors are open.
        .target(
            name: "LoopTestSupport", dependencies: ["EventLoop"], path: "Tests/LoopTestSupport", swiftSettings: settings
        ),
        // What black-box tests share: sockets that a test drives by hand, and a server with clients on its loop.
        .target(
            name: "TestSupport",
            dependencies: [
                "EventLoop", "EventLoopTesting", "HTTPServer", "HTTPWire", "LoopTestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(
            name: "EventLoopTests", dependencies: ["EventLoop", "EventLoopTesting", "LoopTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "EventLoopTestingTests", dependencies: ["EventLoop", "EventLoopTesting", "LoopTestSupport"],
            swiftSettings: settings),
        // Responses with what is to be made of each, for the parser and for whole exchanges.
        .target(name: "ResponseCorpus", path: "Tests/ResponseCorpus", swiftSettings: settings),
        .testTarget(
            name: "HTTPWireTests",
            dependencies: ["HTTPWire", "ResponseCorpus", .product(name: "HTTPTypes", package: "swift-http-types")],
            swiftSettings: settings),
        .testTarget(name: "JSONTextTests", dependencies: ["JSONText"], swiftSettings: settings),
        // Keys of all kinds, and tokens that they sign.
        .target(
            name: "TokenTestSupport", dependencies: ["CCrypto"], path: "Tests/TokenTestSupport", swiftSettings: settings
        ),
        .testTarget(
            name: "TokensTests", dependencies: ["JSONText", "TokenTestSupport", "Tokens"], swiftSettings: settings),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: [
                "EventLoop", "EventLoopTesting", "HTTPServer", "HTTPServerTesting", "HTTPWire", "LoopTestSupport",
                "JSONText",
                "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "FetchTests",
            dependencies: [
                "EventLoop", "Fetch", "HTTPServer", "HTTPWire", "ResponseCorpus", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GatherTests",
            dependencies: [
                "EventLoop", "EventLoopTesting", "Gather", "HTTPWire", "JSONText", "LoopTestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "RehearsalTests", dependencies: ["EventLoop", "Gather", "GatherConfig", "JSONText", "Rehearsal"],
            swiftSettings: settings),
        .testTarget(name: "WaterfallTests", dependencies: ["EventLoop", "Waterfall"], swiftSettings: settings),
        .testTarget(
            name: "GatherConfigTests",
            dependencies: [
                "EventLoop", "Gather", "GatherConfig", "Rehearsal", "TokenTestSupport", "Tokens",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            exclude: ["KrakenD", "Messages"], swiftSettings: settings),
        .testTarget(
            name: "DemoUpstreamTests",
            dependencies: [
                "DemoUpstream", "EventLoop", "EventLoopTesting", "HTTPServer", "HTTPServerTesting", "HTTPWire",
                "JSONText", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GatherServiceTests",
            dependencies: [
                "CPlatform", "CZlib", "DemoUpstream", "EventLoop", "EventLoopTesting", "Fetch", "Gather",
                "GatherConfig",
                "GatherFetch", "GatherService", "HTTPServer", "HTTPServerTesting", "HTTPWire", "JSONText",
                "TestSupport", "TokenTestSupport", "Tokens",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "TelemetryTests",
            dependencies: [
                "EventLoop", "EventLoopTesting", "Fetch", "Gather", "HTTPServer", "HTTPServerTesting", "HTTPWire",
                "Telemetry",
                .product(name: "CoreMetrics", package: "swift-metrics"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: settings),
        // The examples of the libraries' pages.
        .testTarget(
            name: "DocumentationTests",
            dependencies: [
                "Fetch", "Gather", "GatherFetch", "HTTPServer", "HTTPServerTesting", "HTTPWire", "JSONText",
                "Telemetry",
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: settings),
        // The program as people and platforms start it, and whether README shows what it prints.
        .testTarget(
            name: "CommandLineTests", dependencies: ["EventLoop", "EventLoopTesting", "HTTPServer", "TestSupport"],
            swiftSettings: settings),
        // What a loop's operations cost: `scripts/bench loop`.
        .executableTarget(
            name: "LoopBenchmark", dependencies: ["CPlatform", "EventLoop"], path: "Tests/LoopBenchmark",
            swiftSettings: settings),
    ]
)
