package main

// A component manager and a run loop in the shape of the packages that the library follows: a signaler in the context
// by which workers throw, an atomic flag against starting twice, a channel for each state, and a goroutine for each
// thing watched: the cancel, the errors, all ready, all done.

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// signalerContext is a context by which one fatal error can be thrown.
type signalerContext struct {
	context.Context
	thrown atomic.Bool
	fatal  chan error // holds one, so that nobody who throws waits
}

func withSignaler(parent context.Context) *signalerContext {
	return &signalerContext{Context: parent, fatal: make(chan error, 1)}
}

// throw hands in the first error, drops later ones, and ends the calling goroutine.
func (c *signalerContext) throw(err error) {
	if c.thrown.CompareAndSwap(false, true) {
		c.fatal <- err
	}
	runtime.Goexit()
}

// fatalOrClosed waits for an error or a close. Of both at once the error is told, or it would be lost.
func fatalOrClosed(fatal <-chan error, closed <-chan struct{}) error {
	select {
	case err := <-fatal:
		return err
	case <-closed:
	}
	select {
	case err := <-fatal:
		return err
	default:
		return nil
	}
}

type sourceWorker func(ctx *signalerContext, ready func())

type sourceBuilder struct {
	workers []sourceWorker
}

func (b *sourceBuilder) add(worker sourceWorker) *sourceBuilder {
	b.workers = append(b.workers, worker)
	return b
}

func (b *sourceBuilder) build() *sourceManager {
	return &sourceManager{
		workers:     b.workers,
		ready:       make(chan struct{}),
		stopping:    make(chan struct{}),
		workersDone: make(chan struct{}),
		done:        make(chan struct{}),
	}
}

type sourceManager struct {
	workers     []sourceWorker
	started     atomic.Bool
	ready       chan struct{}
	stopping    chan struct{}
	workersDone chan struct{}
	done        chan struct{}
}

func (m *sourceManager) start(parent *signalerContext) {
	if !m.started.CompareAndSwap(false, true) {
		panic("started twice")
	}
	cancelled, cancel := context.WithCancel(parent)
	ctx := withSignaler(cancelled)
	go m.watchCancel(cancelled)
	go m.passErrors(parent, ctx, cancel)
	var notReady, notDone sync.WaitGroup
	notReady.Add(len(m.workers))
	notDone.Add(len(m.workers))
	for _, worker := range m.workers {
		worker := worker
		go func() {
			defer notDone.Done()
			var once sync.Once
			worker(ctx, func() { once.Do(notReady.Done) })
		}()
	}
	go closeAfter(&notReady, m.ready)
	go closeAfter(&notDone, m.workersDone)
}

func (m *sourceManager) watchCancel(ctx context.Context) {
	<-ctx.Done()
	close(m.stopping)
}

// passErrors throws a worker's error on to the parent. Done is closed after that, so that who waits for the first of the
// two cannot miss the error.
func (m *sourceManager) passErrors(parent, ctx *signalerContext, cancel context.CancelFunc) {
	defer func() {
		cancel()
		<-m.stopping
		<-m.workersDone
		close(m.done)
	}()
	if err := fatalOrClosed(ctx.fatal, m.workersDone); err != nil {
		parent.throw(err)
	}
}

func closeAfter(group *sync.WaitGroup, handle chan struct{}) {
	group.Wait()
	close(handle)
}

// runSource keeps a component running for as long as the handler says restart.
func runSource(ctx context.Context, factory func() *sourceManager, restart func(error) bool) error {
	for ctx.Err() == nil {
		manager := factory()
		cancelled, cancel := context.WithCancel(ctx)
		signaler := withSignaler(cancelled)
		go manager.start(signaler) // in a goroutine of its own, since a throw would end this one
		err := fatalOrClosed(signaler.fatal, manager.done)
		cancel()
		<-manager.done
		if err == nil || !restart(err) {
			return err
		}
	}
	return ctx.Err()
}
