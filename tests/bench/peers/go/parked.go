package main

// What a worker that waits for its context occupies. Go never gives back what it knows of a goroutine, so each sample is
// taken in a process of its own: a second one in the same process would come out far too small.

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
)

const parkedWorkers = 100000

// parkArgument in place of ROUNDS makes this program the process in which one sample is taken.
const parkArgument = "park"

func parkedElsewhere(kind string) float64 {
	return tellElsewhere(parkArgument, kind)
}

// tellElsewhere has a sample taken by another process of this program.
func tellElsewhere(argument, kind string) float64 {
	command := exec.Command(os.Args[0], os.Args[1], argument, kind)
	command.Stderr = os.Stderr
	told, err := command.Output()
	if err != nil {
		fail(err.Error())
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(string(told)), 64)
	if err != nil {
		fail(err.Error())
	}
	return value
}

func parkAndTell(kind string) {
	before := residentBytes()
	if kind == "source" {
		manager := buildSource(parkedWorkers)
		ctx, cancel := context.WithCancel(context.Background())
		manager.start(withSignaler(ctx))
		<-manager.ready
		tellResident(before)
		cancel()
		<-manager.done
	} else {
		manager := buildLean(parkedWorkers)
		manager.start(context.Background())
		manager.notReady.Wait()
		tellResident(before)
		manager.cancel()
		manager.notDone.Wait()
	}
}

func tellResident(before float64) {
	fmt.Printf("%.1f\n", (residentBytes()-before)/parkedWorkers)
}

// residentBytes is what is resident after all garbage was collected and given back to the system.
func residentBytes() float64 {
	debug.FreeOSMemory()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		fail(err.Error())
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if words[0] == "VmRSS:" {
			kilobytes, err := strconv.Atoi(words[1])
			if err != nil {
				fail(err.Error())
			}
			return float64(kilobytes) * 1024
		}
	}
	fail("the system does not tell VmRSS")
	return 0
}
