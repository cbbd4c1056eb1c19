package main

// Contexts whose done channels have been taken: Go makes such a channel when it is first asked for.

import (
	"context"
	"runtime"
	"time"
)

func isClosed(handle <-chan struct{}) bool {
	select {
	case <-handle:
		return true
	default:
		return false
	}
}

func createAndCancel() float64 {
	const n = 200000
	parent, cancelParent := context.WithCancel(context.Background())
	defer cancelParent()
	parent.Done()
	begin := time.Now()
	for i := 0; i < n; i++ {
		ctx, cancel := context.WithCancel(parent)
		done := ctx.Done()
		cancel()
		if !isClosed(done) {
			fail("a cancelled context is not done")
		}
	}
	return perOperation(begin, n)
}

// cancelChildren is the time for each of 100,000 children of the parent's cancel alone.
func cancelChildren() float64 {
	const n = 100000
	parent, cancelParent := context.WithCancel(context.Background())
	children := make([]context.Context, n)
	for i := range children {
		child, cancel := context.WithCancel(parent)
		defer cancel()
		children[i] = child
		if isClosed(child.Done()) {
			fail("a new context is done")
		}
	}
	runtime.GC() // or the collector, still at what making them left, would be measured with the cancel
	begin := time.Now()
	cancelParent()
	took := perOperation(begin, n)
	if !isClosed(children[n-1].Done()) {
		fail("a child was not cancelled")
	}
	return took
}
