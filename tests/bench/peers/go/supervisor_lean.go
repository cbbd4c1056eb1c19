package main

// A supervisor of a dependency graph as lean as it gets in Go without losing what was asked for: a goroutine for each
// node, in which the node's function runs again and again; a channel that is closed when the present instance is ready,
// for those that depend on it; and a stop that goes through the nodes in reverse order. A panic is an error like others.

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

type leanNode struct {
	name         string
	dependencies []string
	factory      func() leanWorker
	restart      func(error) bool

	ctx         context.Context
	cancel      context.CancelFunc
	needs       []*leanNode
	neededBy    []*leanNode
	dependants  sync.WaitGroup // those that have not ended
	signal      func()         // becomeReady, made once
	lock        sync.Mutex     // of the two below
	ready       chan struct{}  // of the present instance
	isReady     bool
	wasReady    bool
	allNotReady *sync.WaitGroup
}

type leanSupervisor struct {
	nodes    map[string]*leanNode
	order    []*leanNode
	notReady sync.WaitGroup
	notDone  sync.WaitGroup
	first    sync.Once
	err      error
}

func (s *leanSupervisor) add(node *leanNode) error {
	if s.nodes == nil {
		s.nodes = map[string]*leanNode{}
	}
	if s.nodes[node.name] != nil {
		return fmt.Errorf("%q is there already", node.name)
	}
	s.nodes[node.name] = node
	s.order = append(s.order, node)
	return nil
}

// link finds what names mean, and brings the nodes into an order in which none comes before what it depends on.
func (s *leanSupervisor) link() error {
	sorted := make([]*leanNode, 0, len(s.order))
	const untouched, entered, left = 0, 1, 2
	marks := make(map[*leanNode]int, len(s.order))
	var visit func(node *leanNode) error
	visit = func(node *leanNode) error {
		if marks[node] == left {
			return nil
		}
		if marks[node] == entered {
			return fmt.Errorf("%q depends on itself", node.name)
		}
		marks[node] = entered
		for _, name := range node.dependencies {
			need := s.nodes[name]
			if need == nil {
				return fmt.Errorf("%q depends on %q, which is not there", node.name, name)
			}
			node.needs = append(node.needs, need)
			need.neededBy = append(need.neededBy, node)
			need.dependants.Add(1)
			if err := visit(need); err != nil {
				return err
			}
		}
		marks[node] = left
		sorted = append(sorted, node)
		return nil
	}
	for _, node := range s.order {
		if err := visit(node); err != nil {
			return err
		}
	}
	s.order = sorted
	return nil
}

func (s *leanSupervisor) start() error {
	if err := s.link(); err != nil {
		return err
	}
	s.notReady.Add(len(s.order))
	s.notDone.Add(len(s.order))
	for _, node := range s.order {
		// Not below one context: a cancel is to reach the nodes in order.
		node.ctx, node.cancel = context.WithCancel(context.Background())
		node.ready = make(chan struct{})
		node.signal = node.becomeReady
		node.allNotReady = &s.notReady
	}
	for _, node := range s.order {
		go s.run(node)
	}
	return nil
}

// stop cancels each node once those that depend on it have ended.
func (s *leanSupervisor) stop() {
	for i := len(s.order) - 1; i >= 0; i-- {
		s.order[i].dependants.Wait()
		s.order[i].cancel()
	}
	s.notDone.Wait()
}

func (s *leanSupervisor) run(node *leanNode) {
	defer s.notDone.Done()
	err := node.runOn()
	for _, need := range node.needs {
		need.dependants.Done()
	}
	if err != nil {
		s.first.Do(func() { s.err = err })
		node.cancelWithDependants()
	}
}

// runOn returns the error for which the node is not to be restarted.
func (n *leanNode) runOn() error {
	for n.waitForNeeds() {
		err := n.attempt()
		if err == nil || n.ctx.Err() != nil {
			return nil
		}
		if !n.restart(err) {
			return err
		}
		n.becomeUnready()
	}
	return nil
}

func (n *leanNode) attempt() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return n.factory()(n.ctx, n.signal)
}

func (n *leanNode) waitForNeeds() bool {
	for _, need := range n.needs {
		need.lock.Lock()
		ready, isReady := need.ready, need.isReady
		need.lock.Unlock()
		if isReady {
			continue
		}
		select {
		case <-ready:
		case <-n.ctx.Done():
			return false
		}
	}
	return n.ctx.Err() == nil
}

func (n *leanNode) becomeReady() {
	n.lock.Lock()
	defer n.lock.Unlock()
	if n.isReady {
		return
	}
	n.isReady = true
	close(n.ready)
	if !n.wasReady {
		n.wasReady = true
		n.allNotReady.Done()
	}
}

func (n *leanNode) becomeUnready() {
	n.lock.Lock()
	if n.isReady {
		n.isReady = false
		n.ready = make(chan struct{})
	}
	n.lock.Unlock()
}

func (n *leanNode) cancelWithDependants() {
	for _, node := range n.neededBy {
		node.cancelWithDependants()
	}
	n.cancel()
}

// alone gives a node's only worker what an instance has: a context of its own, so that nothing outlives it.
func alone(worker leanWorker) leanWorker {
	return func(parent context.Context, ready func()) error {
		ctx, cancel := context.WithCancel(parent)
		defer cancel()
		return worker(ctx, ready)
	}
}

// together makes one worker of a component with several, which is ready when all of them are.
func together(workers ...leanWorker) leanWorker {
	return func(ctx context.Context, ready func()) error {
		left := int32(len(workers))
		manager := &leanManager{workers: make([]leanWorker, len(workers))}
		for i, worker := range workers {
			worker := worker
			manager.workers[i] = func(ctx context.Context, oneReady func()) error {
				return worker(ctx, func() {
					oneReady()
					if atomic.AddInt32(&left, -1) == 0 {
						ready()
					}
				})
			}
		}
		manager.start(ctx)
		return manager.wait()
	}
}
