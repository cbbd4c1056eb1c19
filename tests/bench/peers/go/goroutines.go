package main

// Starting and joining goroutines, and what they tell each other through channels.

import (
	"runtime"
	"sync"
	"time"
)

// ---- start and join: two ways, of which the bench takes the faster ----

// spawnBatches starts a hundred at a time, as many as Go's queue of a thread holds with ease, and joins them by one
// counter. Batches of a thousand spill into the queue of all threads, and take half as long again for each goroutine.
func spawnBatches() float64 {
	const batches, batch = 2000, 100
	var running sync.WaitGroup
	end := func() { running.Done() } // made once: "go running.Done()" would allocate for every goroutine
	begin := time.Now()
	for i := 0; i < batches; i++ {
		running.Add(batch)
		for j := 0; j < batch; j++ {
			go end()
		}
		running.Wait()
	}
	return perOperation(begin, batches*batch)
}

// spawnOneByOne joins each by a channel before it starts the next.
func spawnOneByOne() float64 {
	const n = 200000
	ended := make(chan struct{})
	end := func() { ended <- struct{}{} }
	begin := time.Now()
	for i := 0; i < n; i++ {
		go end()
		<-ended
	}
	return perOperation(begin, n)
}

// ---- channels of pointers ----

type item struct {
	value int
}

func echo(from <-chan *item, to chan<- *item) {
	for it := range from {
		to <- it
	}
	close(to)
}

// roundTrips is the time of a round trip through two channels that hold nothing.
func roundTrips(n int, there, back chan *item) float64 {
	it := &item{}
	begin := time.Now()
	for i := 0; i < n; i++ {
		there <- it
		if <-back != it {
			fail("something else came back")
		}
	}
	took := perOperation(begin, n)
	close(there)
	<-back
	return took
}

// pingpong leaves it to Go where the two goroutines run. With two threads it often, not always, keeps them on one.
func pingpong() float64 {
	there, back := make(chan *item), make(chan *item)
	go echo(there, back)
	return roundTrips(200000, there, back)
}

// pingpongLocked has each goroutine on a thread of its own, so that every message crosses from one to the other.
func pingpongLocked() float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	there, back := make(chan *item), make(chan *item)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		echo(there, back)
	}()
	return roundTrips(2000, there, back)
}

func oneway() float64 {
	const n = 1000000
	queue := make(chan *item, 1024)
	it := &item{}
	begin := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			queue <- it
		}
		close(queue)
	}()
	received := 0
	for range queue {
		received++
	}
	took := perOperation(begin, n)
	if received != n {
		fail("items were lost")
	}
	return took
}
