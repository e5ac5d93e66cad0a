import ArgumentParser
import GatherConfig
import Glibc

extension Configuration {
    /// Reads a configuration; what is wrong with it goes to standard error, and the program ends with status 1.
    static func reading(_ file: String) throws -> Configuration {
        do {
            return try read(file: file, environment: Console.environment)
        } catch {
            throw complain(error)
        }
    }
}

/// Writes what is wrong to standard error; what it returns ends the program with status 1.
func complain(_ error: any Error) -> ExitCode {
    Console.write("\(error)\n", to: STDERR_FILENO)
    return ExitCode(1)
}
