package main

// Workers that tell each other numbers of eight bytes, in two shapes: lean, goroutines with a channel of numbers; and
// as isolates, goroutines with a mailbox of messages, each with its port and a copy of its bytes, and with a channel of
// control that is heard before the mailbox.

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// A sender runs ahead of its receiver by so many, where one sends to one.
const depth = 1024

const (
	senders     = 1000
	sentByEach  = 100
	ringLength  = 100000
	ringHops    = 500000
	idleWorkers = 1000000
)

// idleArgument in place of ROUNDS makes this program the process in which one sample of idle workers is taken.
const idleArgument = "idle"

// ---- the shape of isolates ----

type message struct {
	port  uint64
	bytes []byte
}

type isolate struct {
	control chan struct{} // its close is the end
	mailbox chan message
	handler func(number int64)
}

func newIsolate(depth int) *isolate {
	return &isolate{control: make(chan struct{}), mailbox: make(chan message, depth)}
}

func (i *isolate) run() {
	for {
		select {
		case <-i.control:
			return
		case m := <-i.mailbox:
			i.handler(int64(binary.LittleEndian.Uint64(m.bytes)))
		}
	}
}

func (i *isolate) send(number int64) {
	bytes := make([]byte, 8)
	binary.LittleEndian.PutUint64(bytes, uint64(number))
	i.mailbox <- message{1, bytes}
}

func (i *isolate) end() {
	close(i.control)
}

// maybeLock keeps a goroutine on a thread of its own.
func maybeLock(locked bool) {
	if locked {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	}
}

// ---- one sends, one receives ----

func streamLean(locked bool) float64 {
	const n = 1000000
	numbers := make(chan int64, depth)
	done := make(chan struct{})
	go func() {
		maybeLock(locked)
		for i := int64(0); i < n; i++ {
			if <-numbers != i {
				fail("messages were lost")
			}
		}
		close(done)
	}()
	begin := time.Now()
	go func() {
		maybeLock(locked)
		for i := int64(0); i < n; i++ {
			numbers <- i
		}
	}()
	<-done
	return perOperation(begin, n)
}

func streamIsolates() float64 {
	const n = 1000000
	done := make(chan struct{})
	receiver := newIsolate(depth)
	received := int64(0)
	receiver.handler = func(number int64) {
		if number != received {
			fail("messages were lost")
		}
		received++
		if received == n {
			close(done)
		}
	}
	go receiver.run()
	begin := time.Now()
	go func() {
		for i := int64(0); i < n; i++ {
			receiver.send(i)
		}
	}()
	<-done
	took := perOperation(begin, n)
	receiver.end()
	return took
}

// ---- there and back ----

func rallyLean(n int, locked bool) float64 {
	there, back := make(chan int64), make(chan int64)
	done := make(chan struct{})
	go func() {
		maybeLock(locked)
		for number := range there {
			back <- number + 1
		}
	}()
	begin := time.Now()
	go func() {
		maybeLock(locked)
		for number := int64(0); number < int64(n); {
			there <- number
			next := <-back
			if next != number+1 {
				fail("something else came back")
			}
			number = next
		}
		close(there)
		close(done)
	}()
	<-done
	return perOperation(begin, n)
}

func rallyIsolates() float64 {
	const n = 200000
	done := make(chan struct{})
	caller, echo := newIsolate(1), newIsolate(1)
	caller.handler = func(number int64) {
		if number == n {
			close(done)
		} else {
			echo.send(number)
		}
	}
	echo.handler = func(number int64) { caller.send(number + 1) }
	go echo.run()
	begin := time.Now()
	go caller.run()
	echo.send(0)
	<-done
	took := perOperation(begin, n)
	caller.end()
	echo.end()
	return took
}

// ---- a thousand send, one receives: from when the senders, which are there, are told to begin ----

// crowd has the senders wait until start is closed.
func crowd(start chan struct{}, send func(number int64)) {
	var waiting int64
	for i := 0; i < senders; i++ {
		go func() {
			atomic.AddInt64(&waiting, 1)
			<-start
			for j := int64(0); j < sentByEach; j++ {
				send(j)
			}
		}()
	}
	for atomic.LoadInt64(&waiting) < senders {
		runtime.Gosched()
	}
}

const sumOfCrowd = senders * (sentByEach * (sentByEach - 1) / 2)

func fanInLean(depth int) float64 {
	numbers := make(chan int64, depth)
	start := make(chan struct{})
	crowd(start, func(number int64) { numbers <- number })
	sum := int64(0)
	begin := time.Now()
	close(start)
	for i := 0; i < senders*sentByEach; i++ {
		sum += <-numbers
	}
	took := perOperation(begin, senders*sentByEach)
	if sum != sumOfCrowd {
		fail("messages were lost")
	}
	return took
}

func fanInIsolates() float64 {
	receiver := newIsolate(depth)
	start, done := make(chan struct{}), make(chan struct{})
	crowd(start, receiver.send)
	sum, received := int64(0), 0
	receiver.handler = func(number int64) {
		sum += number
		received++
		if received == senders*sentByEach {
			close(done)
		}
	}
	go receiver.run()
	begin := time.Now()
	close(start)
	<-done
	took := perOperation(begin, senders*sentByEach)
	if sum != sumOfCrowd {
		fail("messages were lost")
	}
	receiver.end()
	return took
}

// ---- a token round a ring: the number of hops that are left ----

func ringLean(depth int) float64 {
	links := make([]chan int64, ringLength)
	for i := range links {
		links[i] = make(chan int64, depth)
	}
	done := make(chan struct{})
	for i := range links {
		go func(own, next chan int64) {
			for left := range own {
				if left == 0 {
					close(done)
				} else {
					next <- left - 1
				}
			}
		}(links[i], links[(i+1)%ringLength])
	}
	begin := time.Now()
	links[0] <- ringHops - 1
	<-done
	took := perOperation(begin, ringHops)
	for _, link := range links {
		close(link)
	}
	return took
}

func ringIsolates() float64 {
	links := make([]*isolate, ringLength)
	done := make(chan struct{})
	for i := range links {
		links[i] = newIsolate(1)
	}
	for i := range links {
		next := links[(i+1)%ringLength]
		links[i].handler = func(left int64) {
			if left == 0 {
				close(done)
			} else {
				next.send(left - 1)
			}
		}
		go links[i].run()
	}
	begin := time.Now()
	links[0].send(ringHops - 1)
	<-done
	took := perOperation(begin, ringHops)
	for _, link := range links {
		link.end()
	}
	return took
}

// ---- a million idle ones ----

func idleAndTell() {
	var ready int64
	done := make(chan struct{})
	before := residentBytes()
	for i := 0; i < idleWorkers; i++ {
		go func() {
			own := make(chan int64)
			if atomic.AddInt64(&ready, 1) == idleWorkers {
				close(done)
			}
			<-own
		}()
	}
	<-done
	fmt.Printf("%.1f\n", (residentBytes()-before)/idleWorkers)
}

func messageFigures() []figure {
	return []figure{
		{"isolate_spawn_exit", "go-batch", 0, spawnBatches},
		{"isolate_spawn_exit", "go-single", 0, spawnOneByOne},
		{"isolate_idle_bytes", "go", 0, func() float64 { return tellElsewhere(idleArgument, "") }},
		{"message_oneway", "go-lean", 0, func() float64 { return streamLean(false) }},
		{"message_oneway", "go-isolate", 0, streamIsolates},
		{"message_oneway_far", "go-lean", 2, func() float64 { return streamLean(false) }},
		{"message_oneway_far", "go-locked", 2, func() float64 { return streamLean(true) }},
		{"message_pingpong", "go-lean", 0, func() float64 { return rallyLean(200000, false) }},
		{"message_pingpong", "go-isolate", 0, rallyIsolates},
		{"message_pingpong_far", "go-lean", 2, func() float64 { return rallyLean(200000, false) }},
		{"message_pingpong_far", "go-locked", 2, func() float64 { return rallyLean(20000, true) }},
		{"message_fanin", "go-lean", 0, func() float64 { return fanInLean(depth) }},
		{"message_fanin", "go-lean-deep", 0, func() float64 { return fanInLean(senders * sentByEach) }},
		{"message_fanin", "go-isolate", 0, fanInIsolates},
		{"ring_100k", "go-lean", 0, func() float64 { return ringLean(0) }},
		{"ring_100k", "go-lean-1", 0, func() float64 { return ringLean(1) }},
		{"ring_100k", "go-isolate", 0, ringIsolates},
	}
}
