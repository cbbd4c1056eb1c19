// Does in Go the work that the bench measures of the library, and tells what it took.
//
//	go THREADS ROUNDS [WORD]
//
// runs with GOMAXPROCS = THREADS and prints Go's version, then for every figure whose name holds WORD a line
// "figure<TAB>peer<TAB>value": the median of ROUNDS samples, nanoseconds, or bytes where the name says so. A figure's
// name ends in the number of threads. A figure done in several ways has a line, and a peer's name, for each.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// figure is one way of doing the work of one row of the bench's table.
type figure struct {
	name    string
	peer    string
	threads int // 0: measured with any number of threads; otherwise with this one only
	sample  func() float64
}

var figures = []figure{
	{"manager_fiber_cycle_1", "go-source", 0, func() float64 { return perWorker(1, 20000, sourceCycle) }},
	{"manager_fiber_cycle_1", "go-lean", 0, func() float64 { return perWorker(1, 20000, leanCycle) }},
	{"manager_fiber_cycle_1000", "go-source", 0, func() float64 { return perWorker(1000, 50, sourceCycle) }},
	{"manager_fiber_cycle_1000", "go-lean", 0, func() float64 { return perWorker(1000, 50, leanCycle) }},
	{"restart_fiber", "go-source", 0, sourceRestart},
	{"restart_fiber", "go-lean", 0, leanRestart},
	{"context_create_cancel", "go", 0, createAndCancel},
	{"cancel_fanout_100k", "go", 0, cancelChildren},
	{"fiber_spawn_end", "go-batch", 0, spawnBatches},
	{"fiber_spawn_end", "go-single", 0, spawnOneByOne},
	{"fiber_pingpong", "go", 1, pingpong},
	{"fiber_pingpong_far", "go", 2, pingpong},
	{"fiber_pingpong_far", "go-locked", 2, pingpongLocked},
	{"channel_oneway", "go", 0, oneway},
	{"idle_fiber_bytes", "go-source", 0, func() float64 { return parkedElsewhere("source") }},
	{"idle_fiber_bytes", "go-lean", 0, func() float64 { return parkedElsewhere("lean") }},
	{"timer_arm_cancel", "go", 0, armAndStopOne},
	{"timer_arm_cancel_all", "go", 0, armAllThenStop},
	{"context_deadline_arm_cancel", "go", 0, makeAndCancelOne},
}

// perOperation is the nanoseconds that one of n operations took since begin.
func perOperation(begin time.Time, n int) float64 {
	return float64(time.Since(begin).Nanoseconds()) / float64(n)
}

// median measures a figure. Each sample begins with a collected heap, or it would pay for the garbage of the one before.
func (f figure) median(rounds int) float64 {
	f.sample() // warm-up: the heap has grown, goroutines wait to be used again
	samples := make([]float64, rounds)
	for i := range samples {
		runtime.GC()
		samples[i] = f.sample()
	}
	sort.Float64s(samples)
	return samples[rounds/2]
}

func positive(word string) int {
	number, err := strconv.Atoi(word)
	if err != nil || number < 1 {
		fail("not a number of threads or rounds: " + word)
	}
	return number
}

// fail ends the program: what cannot be measured is not made up.
func fail(what string) {
	fmt.Fprintln(os.Stderr, "bench, Go:", what)
	os.Exit(1)
}

func main() {
	if len(os.Args) < 3 {
		fail("usage: go THREADS ROUNDS [WORD]")
	}
	threads := positive(os.Args[1])
	runtime.GOMAXPROCS(threads)
	if os.Args[2] == parkArgument {
		parkAndTell(os.Args[3])
		return
	}
	if os.Args[2] == idleArgument {
		idleAndTell()
		return
	}
	rounds := positive(os.Args[2])
	fmt.Printf("# %s\n", runtime.Version())
	all := append(append(figures, supervisionFigures()...), treeFigures()...)
	for _, f := range append(all, messageFigures()...) {
		name := fmt.Sprintf("%s_%dt", f.name, threads)
		if f.threads != 0 && f.threads != threads {
			continue
		}
		if len(os.Args) > 3 && !strings.Contains(name, os.Args[3]) {
			continue
		}
		fmt.Printf("%s\t%s\t%.1f\n", name, f.peer, f.median(rounds))
	}
}
