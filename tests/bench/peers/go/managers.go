package main

// Whole cycles of a component, and restarts, with both kinds of manager.

import (
	"context"
	"errors"
	"time"
)

func perWorker(workers, cycles int, cycle func(workers int)) float64 {
	begin := time.Now()
	for i := 0; i < cycles; i++ {
		cycle(workers)
	}
	return perOperation(begin, cycles*workers)
}

// ---- build, start n workers, all ready, cancel, all done ----

func sourceNoop(ctx *signalerContext, ready func()) {
	ready()
	<-ctx.Done()
}

func buildSource(n int) *sourceManager {
	builder := &sourceBuilder{}
	for i := 0; i < n; i++ {
		builder.add(sourceNoop)
	}
	return builder.build()
}

func sourceCycle(n int) {
	manager := buildSource(n)
	ctx, cancel := context.WithCancel(context.Background())
	manager.start(withSignaler(ctx))
	<-manager.ready
	cancel()
	<-manager.done
}

func leanNoop(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return nil
}

func buildLean(n int) *leanManager {
	manager := &leanManager{workers: make([]leanWorker, n)}
	for i := range manager.workers {
		manager.workers[i] = leanNoop
	}
	return manager
}

func leanCycle(n int) {
	manager := buildLean(n)
	manager.start(context.Background())
	manager.notReady.Wait()
	manager.cancel()
	if manager.wait() != nil {
		fail("a worker that does nothing failed")
	}
}

// ---- from a worker's error, by the handler that says restart, until the new worker has said that it is ready ----

const restartsOfSample = 10000

// restarts is what the workers, of which there is one at a time, know of each other.
type restarts struct {
	left     int
	failedAt time.Time
	took     time.Duration // all restarts together
}

// next is called by a worker that is ready, and tells whether it is to fail.
func (r *restarts) next() bool {
	if !r.failedAt.IsZero() {
		r.took += time.Since(r.failedAt)
	}
	if r.left == 0 {
		return false
	}
	r.left--
	r.failedAt = time.Now()
	return true
}

func (r *restarts) mean() float64 {
	return float64(r.took.Nanoseconds()) / restartsOfSample
}

func sayRestart(error) bool {
	return true
}

func sourceRestart() float64 {
	state := restarts{left: restartsOfSample}
	worker := func(ctx *signalerContext, ready func()) {
		ready()
		if state.next() {
			ctx.throw(errors.New("failed on purpose"))
		}
	}
	factory := func() *sourceManager {
		return (&sourceBuilder{}).add(worker).build()
	}
	if runSource(context.Background(), factory, sayRestart) != nil {
		fail("a run loop ended with an error")
	}
	return state.mean()
}

func leanRestart() float64 {
	state := restarts{left: restartsOfSample}
	worker := func(ctx context.Context, ready func()) error {
		ready()
		if state.next() {
			return errors.New("failed on purpose")
		}
		return nil
	}
	factory := func() *leanManager {
		return &leanManager{workers: []leanWorker{worker}}
	}
	if runLean(context.Background(), factory, sayRestart) != nil {
		fail("a run loop ended with an error")
	}
	return state.mean()
}
