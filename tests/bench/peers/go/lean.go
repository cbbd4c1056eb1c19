package main

// A component manager and a run loop as lean as they get in Go without losing what was asked for: one context, two
// counters to wait on, no goroutine but the workers; the first error cancels the others and reaches who waits.

import (
	"context"
	"sync"
)

type leanWorker func(ctx context.Context, ready func()) error

type leanManager struct {
	workers  []leanWorker
	ctx      context.Context
	cancel   context.CancelFunc
	isReady  func() // one for all workers: a closure for each would have to be allocated
	notReady sync.WaitGroup
	notDone  sync.WaitGroup
	first    sync.Once
	err      error
}

func (m *leanManager) start(parent context.Context) {
	m.ctx, m.cancel = context.WithCancel(parent)
	m.isReady = m.notReady.Done
	m.notReady.Add(len(m.workers))
	m.notDone.Add(len(m.workers))
	for _, worker := range m.workers {
		go m.run(worker)
	}
}

func (m *leanManager) run(worker leanWorker) {
	defer m.notDone.Done()
	if err := worker(m.ctx, m.isReady); err != nil {
		m.first.Do(func() {
			m.err = err
			m.cancel()
		})
	}
}

// wait returns the first error once all workers have returned.
func (m *leanManager) wait() error {
	m.notDone.Wait()
	m.cancel()
	return m.err
}

// runLean keeps a component running for as long as the handler says restart.
func runLean(ctx context.Context, factory func() *leanManager, restart func(error) bool) error {
	for ctx.Err() == nil {
		manager := factory()
		manager.start(ctx)
		if err := manager.wait(); err == nil || !restart(err) {
			return err
		}
	}
	return ctx.Err()
}
