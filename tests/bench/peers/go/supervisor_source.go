package main

// A supervisor of a dependency graph in the shape of the packages that the library follows: a goroutine for each node,
// which waits for what the node depends on and then runs it in a run loop of its own; a channel by which these tell the
// supervisor of errors and ends; goroutines that watch for readiness and, at a stop, for dependants.

import (
	"context"
	"fmt"
	"sync"
)

type sourceNode struct {
	name         string
	dependencies []string
	factory      func() *sourceManager
	restart      func(error) bool

	ctx        context.Context
	cancel     context.CancelFunc
	needs      []*sourceNode
	neededBy   []*sourceNode
	dependants sync.WaitGroup // those that have not ended
	ready      chan struct{}
	readyOnce  sync.Once
}

// sourceReport is what a node tells the supervisor: an error and whether it restarts, or that it has ended.
type sourceReport struct {
	node     *sourceNode
	err      error
	restarts bool
}

type sourceSupervisor struct {
	nodes   map[string]*sourceNode
	order   []*sourceNode
	reports chan sourceReport
	ready   chan struct{}
	done    chan struct{}
	err     error
}

func newSourceSupervisor() *sourceSupervisor {
	return &sourceSupervisor{
		nodes: map[string]*sourceNode{},
		ready: make(chan struct{}),
		done:  make(chan struct{}),
	}
}

func (s *sourceSupervisor) add(node *sourceNode) error {
	if s.nodes[node.name] != nil {
		return fmt.Errorf("%q is there already", node.name)
	}
	s.nodes[node.name] = node
	s.order = append(s.order, node)
	return nil
}

// link finds what names mean, and brings the nodes into an order in which none comes before what it depends on.
func (s *sourceSupervisor) link() error {
	missing := make(map[*sourceNode]int, len(s.order))
	var sorted []*sourceNode
	for _, node := range s.order {
		for _, name := range node.dependencies {
			need := s.nodes[name]
			if need == nil {
				return fmt.Errorf("%q depends on %q, which is not there", node.name, name)
			}
			node.needs = append(node.needs, need)
			need.neededBy = append(need.neededBy, node)
		}
		missing[node] = len(node.needs)
		if len(node.needs) == 0 {
			sorted = append(sorted, node)
		}
	}
	for i := 0; i < len(sorted); i++ {
		for _, node := range sorted[i].neededBy {
			if missing[node]--; missing[node] == 0 {
				sorted = append(sorted, node)
			}
		}
	}
	if len(sorted) < len(s.order) {
		return fmt.Errorf("the graph has a cycle")
	}
	s.order = sorted
	return nil
}

// start begins all nodes, and has the supervisor's own goroutine see to them until they have ended.
func (s *sourceSupervisor) start(ctx context.Context) error {
	if err := s.link(); err != nil {
		return err
	}
	s.reports = make(chan sourceReport, len(s.order))
	for _, node := range s.order {
		// Not below ctx: a cancel is to reach the nodes in order.
		node.ctx, node.cancel = context.WithCancel(context.Background())
		node.ready = make(chan struct{})
		node.dependants.Add(len(node.neededBy))
	}
	for _, node := range s.order {
		go s.supervise(node)
	}
	go s.watchReady()
	go s.process(ctx)
	return nil
}

func (s *sourceSupervisor) watchReady() {
	for _, node := range s.order {
		<-node.ready
	}
	close(s.ready)
}

// supervise is the goroutine of a node.
func (s *sourceSupervisor) supervise(node *sourceNode) {
	err := s.runNode(node)
	for _, need := range node.needs {
		need.dependants.Done()
	}
	s.reports <- sourceReport{node: node, err: err}
}

func (s *sourceSupervisor) runNode(node *sourceNode) error {
	for _, need := range node.needs {
		select {
		case <-need.ready:
		case <-node.ctx.Done():
			return node.ctx.Err()
		}
	}
	factory := func() *sourceManager {
		manager := node.factory()
		go node.watchReady(manager)
		return manager
	}
	judge := func(err error) bool {
		restarts := node.restart(err)
		if restarts {
			s.reports <- sourceReport{node: node, err: err, restarts: true}
		}
		return restarts
	}
	return runSource(node.ctx, factory, judge)
}

func (n *sourceNode) watchReady(manager *sourceManager) {
	select {
	case <-manager.ready:
		n.readyOnce.Do(func() { close(n.ready) })
	case <-manager.done:
	}
}

func (s *sourceSupervisor) process(ctx context.Context) {
	defer close(s.done)
	cancelled := ctx.Done()
	for running := len(s.order); running > 0; {
		select {
		case report := <-s.reports:
			if report.restarts {
				continue
			}
			running--
			s.noteEnd(report)
		case <-cancelled:
			cancelled = nil
			s.stopAll()
		}
	}
}

// noteEnd stops what cannot do without a node that has failed.
func (s *sourceSupervisor) noteEnd(report sourceReport) {
	if report.err == nil || report.node.ctx.Err() != nil {
		return
	}
	if s.err == nil {
		s.err = report.err
	}
	for _, node := range report.node.neededBy {
		node.cancelWithDependants()
	}
}

func (n *sourceNode) cancelWithDependants() {
	for _, node := range n.neededBy {
		node.cancelWithDependants()
	}
	n.cancel()
}

// stopAll cancels each node once those that depend on it have ended.
func (s *sourceSupervisor) stopAll() {
	for _, node := range s.order {
		go func(node *sourceNode) {
			node.dependants.Wait()
			node.cancel()
		}(node)
	}
}
