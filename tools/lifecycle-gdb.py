# lifecycle-gdb.py: shows in gdb what the fibers of a program do, of a live process or in a core file.
#
#     (gdb) source lifecycle-gdb.py
#     (gdb) lifecycle fibers
#
# Only memory and registers are read; nothing in the program is changed. The library must have its
# debug information (-g): what is read of it is found by the names it has in lib/executor/stack.c,
# fiber.h, loop.h, park.h and switch_*.c.

import gdb
import gdb.unwinder


# ---- what is read of the library ----


def plain(type):
    """The type without names and qualifiers around it; _Atomic is one of them."""
    return type.strip_typedefs().unqualified()


class Layout:
    """Where the fields of a structure lie, so that it can be read as a whole."""

    def __init__(self, type):
        self.type = plain(type)
        self.size = self.type.sizeof

    def place(self, path):
        offset, type = 0, self.type
        for name in path.split("."):
            field = plain(type)[name]
            offset += field.bitpos // 8
            type = field.type
        return offset, type.sizeof


def static_block_of(function):
    """The block of the source file that has this function."""
    symbol = gdb.lookup_global_symbol(function)
    if symbol is None:
        raise gdb.GdbError(
            "There is no liblifecycle with debug information (cc -g) in this program."
        )
    return symbol.symtab.static_block()


class Library:
    """The library in the program that is looked at."""

    def __init__(self):
        block = static_block_of("lc__slabs")
        self.slabs = gdb.lookup_symbol("slabs", block)[0]
        self.colours = int(gdb.lookup_symbol("COLOURS", block)[0].value())
        self.colour_step = int(gdb.lookup_symbol("COLOUR_STEP", block)[0].value())
        self.fiber = Layout(gdb.lookup_type("struct lc__fiber", block))
        self.places = {
            path: self.fiber.place(path)
            for path in ("state", "name", "task.parked", "sp", "loop", "run", "stack.slab")
        }
        self.states = {
            field.enumval: field.name.replace("LC__FIBER_", "").lower()
            for field in gdb.lookup_type("enum lc__fiber_state", block).fields()
        }
        self.byte_order = "big" if "big" in gdb.execute("show endian", to_string=True) else "little"
        self.loops = {}
        self.unread = 0  # stacks that are in use, and not in the core file

    def number_at(self, memory, path):
        offset, size = self.places[path]
        return int.from_bytes(memory[offset : offset + size], self.byte_order)

    def loop_name(self, address):
        """What the thread that runs a loop is called."""
        if address not in self.loops:
            block = static_block_of("lc__loop_run")
            type = gdb.lookup_type("struct lc__loop", block).pointer()
            loop = gdb.Value(address).cast(type)
            name = loop["executor"]["name"].string(errors="replace")
            self.loops[address] = "%s-%d" % (name, int(loop["index"]))
        return self.loops[address]

    def all_slabs(self):
        """The oldest first: new ones come behind, and leave the numbers of fibers as they are."""
        slabs, slab = [], self.slabs.value()
        while int(slab) != 0:
            slabs.insert(0, slab.dereference())
            slab = slabs[0]["next"]
        return slabs

    def fibers(self):
        """All that there are, in the order of their numbers."""
        first = 0
        for slab in self.all_slabs():
            base, size, count = (int(slab[name]) for name in ("base", "stack_size", "count"))
            cold = int(slab["cold"])
            for index in range(count):
                if not cold >> index & 1:
                    fiber = self.fiber_at(first + index, base + index * size, size, index)
                    if fiber is not None:
                        yield fiber
            first += count

    def fiber_at(self, number, low, size, index):
        """None: the stack is free, or cannot be read."""
        block = (self.fiber.size + 63) & ~63
        address = low + size - index % self.colours * self.colour_step - block
        try:
            memory = gdb.selected_inferior().read_memory(address, self.fiber.size).tobytes()
        except gdb.MemoryError:
            memory = bytes(self.fiber.size)
        if self.number_at(memory, "stack.slab") == 0:
            self.unread += 1
            return None
        fiber = Fiber(self, number, low, size, memory)
        return None if fiber.state == "free" else fiber


class Fiber:
    """What a control block says."""

    def __init__(self, library, number, low, size, memory):
        self.library, self.number, self.low, self.high = library, number, low, low + size
        self.state = library.states[library.number_at(memory, "state")]
        self.parked = library.number_at(memory, "task.parked")
        self.sp = library.number_at(memory, "sp")
        self.loop = library.number_at(memory, "loop")
        self.run = library.number_at(memory, "run")
        offset, size = library.places["name"]
        name = memory[offset : offset + size].split(b"\0")[0]
        self.name = name.decode(errors="replace")

    def waits_for(self):
        if self.parked == 0 or self.state == "new":
            return ""
        type = gdb.lookup_type("struct lc__park_reason", static_block_of("lc__park")).pointer()
        try:
            reason = gdb.Value(self.parked).cast(type)
            subject = int(reason["subject"])
            what = reason["what"].string(errors="replace")
        except gdb.MemoryError:
            return "?"
        return "%s 0x%x" % (what, subject) if subject else what

    def has(self, word):
        return any(word in text for text in (self.name, self.state, self.waits_for()))


# ---- threads ----


def stack_pointers():
    """Of each thread that can be asked: a fiber that runs is found by where its thread stands."""
    chosen, frame = gdb.selected_thread(), None
    if chosen is None:
        raise gdb.GdbError("No process runs, and no core file is open.")
    if chosen.is_valid():
        frame = gdb.selected_frame()
    pointers = []
    for thread in gdb.selected_inferior().threads():
        if not thread.is_running():
            thread.switch()
            pointers.append((thread, int(gdb.newest_frame().read_register("sp"))))
    chosen.switch()
    if frame is not None and frame.is_valid():
        frame.select()
    return pointers


def thread_on(fiber, pointers):
    for thread, sp in pointers:
        if fiber.low <= sp < fiber.high:
            return thread
    return None


# ---- registers of a fiber that does not run ----


def registers_by_frame_of_x86_64(sp, block):
    type = gdb.lookup_type("struct switch_frame", block)
    frame = gdb.Value(sp).cast(type.pointer()).dereference()
    registers = {name: int(frame[name]) for name in ("rbx", "rbp", "r12", "r13", "r14", "r15")}
    registers["rip"] = int(frame["address"])
    registers["rsp"] = sp + type.sizeof
    return registers


def registers_by_frame_of_aarch64(sp, block):
    type = gdb.lookup_type("struct switch_frame", block)
    frame = gdb.Value(sp).cast(type.pointer()).dereference()
    registers = {"x%d" % (19 + i): int(frame["x19_to_x28"][i]) for i in range(10)}
    registers["x29"] = int(frame["x29"])
    registers["x30"] = registers["pc"] = int(frame["x30"])
    registers["sp"] = sp + type.sizeof
    return registers


def registers_by_ucontext(sp, block):
    type = gdb.lookup_type("struct switch_place", block)
    context = gdb.Value(sp).cast(type.pointer())["context"]["uc_mcontext"]
    names = [field.name for field in context.type.strip_typedefs().fields()]
    if "gregs" in names:
        order = ("r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip").split()
        return {name: int(context["gregs"][i]) for i, name in enumerate(order)}
    if "regs" in names and "pc" in names:
        registers = {"x%d" % i: int(context["regs"][i]) for i in range(31)}
        registers["sp"], registers["pc"] = int(context["sp"]), int(context["pc"])
        return registers
    raise gdb.GdbError("What ucontext keeps on this processor is not known here.")


WAYS = {
    "switch_x86_64.c": registers_by_frame_of_x86_64,
    "switch_aarch64.c": registers_by_frame_of_aarch64,
    "switch_ucontext.c": registers_by_ucontext,
}


def registers_of(fiber):
    """What it goes on with, by name."""
    block = static_block_of("lc__switch_prepare")
    file = gdb.lookup_global_symbol("lc__switch_prepare").symtab.filename.split("/")[-1]
    return WAYS[file](fiber.sp, block)


def pointer(address):
    return gdb.Value(address).cast(gdb.lookup_type("void").pointer())


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = pointer(sp), pointer(pc)


class Unwinder(gdb.unwinder.Unwinder):
    """
    Makes the registers of a fiber those of the caller of a thread's innermost frame: all commands
    that look at frames then look at the fiber's, and no register is written.
    """

    def __init__(self):
        super().__init__("lifecycle")
        self.registers = None

    def show(self, registers):
        """In the selected thread, until forget."""
        self.forget()
        frame = gdb.newest_frame()
        self.counter = "rip" if "rip" in registers else "pc"
        self.pointer = "rsp" if "rsp" in registers else "sp"
        self.at = tuple(int(frame.read_register(name)) for name in (self.counter, self.pointer))
        self.thread = gdb.selected_thread().ptid
        self.registers = registers
        gdb.invalidate_cached_frames()

    def forget(self):
        if self.registers is not None:
            self.registers = None
            gdb.invalidate_cached_frames()

    def __call__(self, frame):
        if self.registers is None or gdb.selected_thread().ptid != self.thread:
            return None
        at = tuple(int(frame.read_register(name)) for name in (self.counter, self.pointer))
        if at != self.at:
            return None
        # A stack grows down, and gdb stops where it does not: so below all frames of the fiber.
        info = frame.create_unwind_info(FrameId(self.registers[self.pointer] - 64, at[0]))
        type = gdb.lookup_type("unsigned long")
        for name, value in self.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(type))
        return info


unwinder = Unwinder()
gdb.unwinder.register_unwinder(None, unwinder, replace=True)


def forget(event):
    unwinder.forget()


for happens in (gdb.events.cont, gdb.events.exited):
    happens.connect(forget)


# ---- what is shown ----


def title_of(fiber, thread):
    about = [fiber.state]
    if fiber.waits_for():
        about.append("waits for " + fiber.waits_for())
    about.append("on " + fiber.library.loop_name(fiber.loop))
    if thread is not None:
        about.append("in thread %d" % thread.num)
    return 'Fiber %d "%s": %s' % (fiber.number, fiber.name, ", ".join(about))


def first_frame_of_fiber():
    """The caller of the frame that the unwinder knows, which lies around those inlined in it."""
    frame = gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame.older()


def level_of(frame):
    level, newer = 0, frame.newer()
    while newer is not None:
        level, newer = level + 1, newer.newer()
    return level


def show_saved_frames(fiber):
    unwinder.show(registers_of(fiber))
    frame = first_frame_of_fiber()
    if frame is None:
        raise gdb.GdbError("Its stack cannot be read.")
    lines = gdb.execute("backtrace", to_string=True)
    begin = "#%-3d" % level_of(frame)
    at = lines.find("\n" + begin) + 1
    gdb.write(lines[at:])
    frame.select()


def show_frames(fiber, thread):
    """Leaves the frames of the fiber to other commands."""
    gdb.write(title_of(fiber, thread) + "\n")
    if thread is not None:
        unwinder.forget()
        thread.switch()
        gdb.execute("backtrace")
    elif fiber.state == "new":
        gdb.write("It has not started. Its function: %s\n" % pointer(fiber.run))
    else:
        show_saved_frames(fiber)


def chosen(word):
    """The fibers in which the word occurs, each with the thread it is on, or None."""
    unwinder.forget()
    pointers = stack_pointers()
    library = Library()
    for fiber in library.fibers():
        if fiber.has(word):
            yield fiber, thread_on(fiber, pointers)
    if library.unread:
        gdb.write("Stacks that cannot be read: %d\n" % library.unread)


class Commands(gdb.Command):
    """Looks at the fibers of a program that uses liblifecycle."""

    def __init__(self):
        super().__init__("lifecycle", gdb.COMMAND_STATUS, prefix=True)

    def invoke(self, argument, from_tty):
        gdb.execute("help lifecycle")


class Fibers(gdb.Command):
    """Lists fibers: lifecycle fibers [WORD]
    With a word, those that have it in their name, state, or what they wait for.
    Columns: number, state, thread of the executor, what it waits for, name. An object that it waits
    for is told by its address. A number is the stack's: it stays as long as the fiber lives."""

    def __init__(self):
        super().__init__("lifecycle fibers", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        counts = {}
        rows = [("Num", "State", "Thread", "Waits for", "Name")]
        for fiber, thread in chosen(argument.strip()):
            counts[fiber.state] = counts.get(fiber.state, 0) + 1
            on = fiber.library.loop_name(fiber.loop)
            if thread is not None:
                on += " (%d)" % thread.num
            rows.append((str(fiber.number), fiber.state, on, fiber.waits_for(), fiber.name))
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        for row in rows:
            columns = [text.ljust(width) for text, width in zip(row, widths)]
            gdb.write("  ".join(columns + [row[4]]) + "\n")
        told = ["%d %s" % (count, state) for state, count in sorted(counts.items())]
        gdb.write("%d fibers%s\n" % (len(rows) - 1, ": " + ", ".join(told) if told else ""))


class One(gdb.Command):
    """Shows one fiber: lifecycle fiber [NUMBER]
    Prints its backtrace, and lets frame, up, down, info locals, print and the like look at it. Frame
    0 stays the selected thread's; those of the fiber follow. The thread's own frames are back when
    the program goes on, or by "lifecycle fiber" without a number."""

    def __init__(self):
        super().__init__("lifecycle fiber", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if not argument.strip():
            unwinder.forget()
            return
        if not argument.strip().isdigit():
            raise gdb.GdbError("A fiber is told by its number; see lifecycle fibers.")
        for fiber, thread in chosen(""):
            if fiber.number == int(argument):
                show_frames(fiber, thread)
                return
        raise gdb.GdbError("There is no fiber %s." % argument.strip())


class Backtraces(gdb.Command):
    """Shows the backtraces of fibers: lifecycle backtraces [WORD]
    With a word, of those that have it in their name, state, or what they wait for."""

    def __init__(self):
        super().__init__("lifecycle backtraces", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        before = gdb.selected_thread()
        for fiber, thread in list(chosen(argument.strip())):
            try:
                show_frames(fiber, thread)
            except (gdb.error, gdb.GdbError) as error:
                gdb.write("%s\n" % error)
            gdb.write("\n")
        unwinder.forget()
        before.switch()


for command in (Commands, Fibers, One, Backtraces):
    command()
