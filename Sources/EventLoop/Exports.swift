// What a program stops on: its main file needs no libc for that.
@_exported import var Glibc.SIGINT
@_exported import var Glibc.SIGTERM
