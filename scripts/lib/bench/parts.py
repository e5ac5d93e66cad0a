"""Where a request's instructions go: what each part of the program took itself."""
import re
from collections import Counter

from rounds import print_table

# The first that matches a function's object and name, such as `libc.so.6 malloc`, takes its instructions.
PARTS = [
    ("allocation", r"libc\S* (_int_|__libc_)?(malloc|free|calloc|realloc|posix_memalign|unlink_chunk|malloc_\w+|"
                   r"alloc_perturb|free_perturb|tcache_\w+|sysmalloc|systrim)\b|swift_slow(A|Dea)lloc"),
    ("copying and comparing", r"libc\S* (__)?(mem|str|raw)\w+"),
    ("text formatting and scanning", r"libc\S* .*(printf|scanf|itoa|padn|xsputn|strto)"),
    ("mutexes and thread-local data", r"libc\S* .*(pthread|tls_get)|ld-linux\S* .*tls_get"),
    ("clock", r"\S* .*clock_gettime"),
    ("libcurl", r"libcurl"),
    ("TLS", r"lib(ssl|crypto)"),
    ("retain and release", r"\S* _?_?swift_(\w*[rR]e(tain|lease)|is\w*Unique)|.*RefCount"),
    ("exclusivity checks", r".*(AccessSet|swift_(begin|end)Access|SwiftTLSContext)"),
    ("Swift's tasks", r".*(swift_task|swift_async|swift_continuation|swift_job|_task_|AsyncTask|StatusRecord|TaskGroup|"
                      r"taskGroup|StackAllocator|ExecutorTracking|ActiveTask|AsyncLet|CancellationRecord)"),
    ("objects and metadata", r"\S* (_?swift_|__swift_|swift::|.*(Metadata|ValueWitness))"),
]
# A Swift symbol begins with the module that declares it: its length and its name.
MODULE = re.compile(r"\$s(\d+)(\w+)")


def part_of(object_name, function):
    for part, pattern in PARTS:
        if re.match(pattern, f"{object_name.rsplit('/')[-1] or '-'} {function}"):
            return part
    if match := MODULE.match(function):
        return match[2][:int(match[1])]
    if function.startswith("$s"):
        return "standard library"
    return "else"


def read_parts(file):
    """Instructions by part, from a file of callgrind."""
    names, parts = {}, Counter()
    object_name = function = ""
    is_call = False
    with open(file) as lines:
        for line in lines:
            if match := re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?", line):
                key = (match[2], match[3])
                if match[4]:
                    names[key] = match[4]
                if not match[1] and match[2] == "ob":
                    object_name = names[key]
                elif not match[1]:
                    function = names[key]
            elif line.startswith("calls="):
                # The next line has what the callee took, which is counted there.
                is_call = True
            elif re.match(r"[+*\-\d]", line):
                if not is_call:
                    parts[part_of(object_name, function)] += int(line.split()[1])
                is_call = False
    return parts


def print_parts(parts):
    total = sum(parts.values())
    rows = [[part, f"{count:,}", f"{100 * count / total:.1f}%"] for part, count in parts.most_common()]
    print_table(["part", "instructions", ""], [*rows, ["all", f"{total:,}", ""]])
