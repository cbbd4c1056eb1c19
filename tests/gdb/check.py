# check.py: run in gdb, looks at the fibers of fibers.c with tools/lifecycle-gdb.py: alive, then in a
# core file. Says what is not as it should be, and ends gdb with status 1 then.

import os
import re
import tempfile

import gdb

WAITS = {
    "reader": ("channel: receive", "await_letter"),
    "watcher of the end": ("handle", "await_end"),
    "sleeper": ("the end of a context", "sleep_a_day"),
}
failures = 0


def check(holds, what, seen=""):
    global failures
    if not holds:
        failures += 1
        gdb.write("not so: %s\n%s\n" % (what, seen))


def say(command):
    return gdb.execute(command, to_string=True)


def check_list():
    """@return the numbers of the fibers, by their names."""
    said = say("lifecycle fibers")
    row = re.compile(r"^(\d+) +(\w+) +seen-0( \(\d+\))? +(.*)$", re.MULTILINE)
    numbers, rest = {}, {}
    for number, state, thread, text in row.findall(said):
        for name in list(WAITS) + ["main", "latecomer"]:
            if text.endswith(name):
                numbers[name], rest[name] = number, (state, bool(thread), text)
    check(len(numbers) == 5, "five fibers are listed", said)
    for name, (waits_for, _) in WAITS.items():
        state, on_thread, text = rest.get(name, ("", True, ""))
        check(state == "parked" and not on_thread, name + " is parked", said)
        check(text.startswith(waits_for), name + " waits for " + waits_for, said)
    check(rest.get("main", "")[:2] == ("running", True), "main runs in a thread", said)
    check(rest.get("latecomer", "")[:2] == ("new", False), "latecomer has not begun", said)
    check("5 fibers: 1 new, 3 parked, 1 running" in said, "they are counted", said)
    check("sleeper" not in say("lifecycle fibers reader"), "a word chooses")
    return numbers


def check_backtraces():
    said = say("lifecycle backtraces")
    parts = {re.match(r' \d+ "(.*?)"', part)[1]: part for part in said.split("Fiber")[1:]}
    for name, (_, function) in WAITS.items():
        part = parts.get(name, "")
        check(" %s (number=2" % function in part, name + " stands in " + function, part)
        check("all_wait" not in part, name + " is not shown the thread's frames", part)
        check(re.search(r"enter_stack \(\)[^\n]*\s*$", part), name + "'s frames end well", part)
    check(" all_wait (" in parts.get("main", ""), "main stands in all_wait", said)
    check("begin_late" in parts.get("latecomer", ""), "latecomer will run begin_late", said)


def check_frames(number):
    """A fiber that was chosen can be looked into, and the thread's frames come back."""
    before = say("info registers"), say("backtrace")
    say("lifecycle fiber " + number)
    check(gdb.selected_frame().name() != "all_wait", "a fiber's frame is selected")
    say("frame function await_letter")
    check(int(gdb.selected_frame().read_var("twice")) == 42, "a variable of a fiber is seen")
    say("lifecycle fiber")
    check((say("info registers"), say("backtrace")) == before, "the thread is as it was")


def check_mistakes():
    for command, answer in (
        ("lifecycle fiber 77777", "There is no fiber 77777"),
        ("lifecycle fiber reader", "is told by its number"),
    ):
        try:
            check(False, "a mistake is told", say(command))
        except gdb.error as error:
            check(answer in str(error), "a mistake is told", str(error))


def check_all():
    numbers = check_list()
    check_backtraces()
    check_frames(numbers.get("reader", "0"))
    check_mistakes()
    return numbers


def check_program():
    say("break all_wait")
    say("run")
    numbers = check_all()
    with tempfile.TemporaryDirectory() as directory:
        core = os.path.join(directory, "core")
        say("generate-core-file " + core)
        say("break lc_executor_free")
        say("lifecycle fiber " + numbers.get("sleeper", "0"))
        say("continue")
        frames = say("backtrace")
        check("main" in frames and "sleep_a_day" not in frames, "going on forgets it", frames)
        check("0 fibers" in say("lifecycle fibers"), "none is left")
        say("continue")
        check(int(gdb.parse_and_eval("$_exitcode")) == 0, "gdb has not disturbed the program")
        say("core-file " + core)
        check_all()


try:
    for setting in ("confirm off", "width 0", "debuginfod enabled off"):
        say("set " + setting)
    check_program()
except gdb.error as error:
    check(False, "gdb can do it", str(error))
gdb.write("%s: %s\n" % (gdb.current_progspace().filename, "failed" if failures else "passed"))
gdb.execute("quit %d" % (1 if failures else 0))
