// swift-tools-version: 6.2
import PackageDescription

// SwiftNIO's event loop, for `scripts/bench loop` alone: gatherd does not depend on it.
let package = Package(
    name: "NIOLoop",
    dependencies: [.package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0")],
    targets: [
        .executableTarget(
            name: "NIOLoop",
            dependencies: [
                .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            // Callbacks that count down are confined to their loop, which the compiler cannot know.
            swiftSettings: [.swiftLanguageMode(.v5)])
    ]
)
