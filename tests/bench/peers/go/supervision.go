package main

// Supervisors of a dependency graph, both kinds: restarts of a node, starts and stops of many.

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"
)

// ---- from telling the worker of a node to fail until its next instance has told that it is ready ----

// victim is the worker that is told to fail.
type victim struct {
	fail  chan struct{}
	ready chan struct{}
}

func newVictim() *victim {
	return &victim{fail: make(chan struct{}, 1), ready: make(chan struct{}, 1)}
}

func (v *victim) work(ctx context.Context, ready func()) error {
	ready()
	v.ready <- struct{}{}
	select {
	case <-v.fail:
		return errors.New("failed on purpose")
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *victim) workSource(ctx *signalerContext, ready func()) {
	if err := v.work(ctx, ready); err != nil && ctx.Err() == nil {
		ctx.throw(err)
	}
}

// restarts is the mean time of one.
func (v *victim) restarts(n int) float64 {
	<-v.ready
	begin := time.Now()
	for i := 0; i < n; i++ {
		v.fail <- struct{}{}
		<-v.ready
	}
	return perOperation(begin, n)
}

var nowhere = func() *log.Logger {
	file, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		fail(err.Error())
	}
	return log.New(file, "", log.LstdFlags|log.Lmicroseconds)
}()

func logAndRestart(err error) bool {
	nowhere.Printf("error victim: restarting: %v", err)
	return true
}

const nodeRestarts = 10000

// leanPayload is what a node runs for a worker: the worker itself, or a component as the library's nodes have it, which
// could have several.
type leanPayload func(worker leanWorker) leanWorker

func managed(worker leanWorker) leanWorker {
	return together(worker)
}

// The node that fails is the middle one of three.
func sourceNodeRestart(judge func(error) bool) float64 {
	v := newVictim()
	supervisor := newSourceSupervisor()
	for i, worker := range []sourceWorker{sourceNoop, v.workSource, sourceNoop} {
		worker := worker
		must(supervisor.add(&sourceNode{
			name:         nodeName(i),
			dependencies: namesOf(chain(i)),
			factory:      func() *sourceManager { return (&sourceBuilder{}).add(worker).build() },
			restart:      judge,
		}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	must(supervisor.start(ctx))
	took := v.restarts(nodeRestarts)
	cancel()
	<-supervisor.done
	return took
}

func leanNodeRestart(judge func(error) bool, wrap leanPayload) float64 {
	v := newVictim()
	supervisor := &leanSupervisor{}
	for i, worker := range []leanWorker{leanNoop, v.work, leanNoop} {
		worker := worker
		must(supervisor.add(&leanNode{
			name:         nodeName(i),
			dependencies: namesOf(chain(i)),
			factory:      func() leanWorker { return wrap(worker) },
			restart:      judge,
		}))
	}
	must(supervisor.start())
	took := v.restarts(nodeRestarts)
	supervisor.stop()
	return took
}

// ---- many nodes: from the start until all are ready, and from the cancel until all have ended ----

const graphNodes = 1000

// dependenciesOf tells on which of the nodes before it a node depends.
type dependenciesOf func(node int) []int

func chain(node int) []int {
	if node == 0 {
		return nil
	}
	return []int{node - 1}
}

func star(node int) []int {
	if node == 0 {
		return nil
	}
	return []int{0}
}

// random makes the same graph each time, which is also that of the bench: up to three nodes of those before.
func random(node int) []int {
	var chosen []int
	state := uint64(node)
	for i := 0; i < 3 && i < node; i++ {
		state = state*6364136223846793005 + 1442695040888963407
		next := int((state >> 33) % uint64(node))
		if !contains(chosen, next) {
			chosen = append(chosen, next)
		}
	}
	return chosen
}

func contains(all []int, one int) bool {
	for _, other := range all {
		if other == one {
			return true
		}
	}
	return false
}

func nodeName(node int) string {
	return fmt.Sprintf("n%d", node)
}

func namesOf(nodes []int) []string {
	names := make([]string, len(nodes))
	for i, node := range nodes {
		names[i] = nodeName(node)
	}
	return names
}

func must(err error) {
	if err != nil {
		fail(err.Error())
	}
}

// graphTimes are of one graph, for each node, in nanoseconds.
type graphTimes struct {
	start float64
	stop  float64
}

func sourceGraph(dependencies dependenciesOf) graphTimes {
	supervisor := newSourceSupervisor()
	for i := 0; i < graphNodes; i++ {
		must(supervisor.add(&sourceNode{
			name:         nodeName(i),
			dependencies: namesOf(dependencies(i)),
			factory:      func() *sourceManager { return buildSource(1) },
			restart:      sayRestart,
		}))
	}
	var took graphTimes
	begin := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	must(supervisor.start(ctx))
	<-supervisor.ready
	took.start = perOperation(begin, graphNodes)
	begin = time.Now()
	cancel()
	<-supervisor.done
	took.stop = perOperation(begin, graphNodes)
	return took
}

func leanGraph(dependencies dependenciesOf, wrap leanPayload) graphTimes {
	supervisor := &leanSupervisor{}
	for i := 0; i < graphNodes; i++ {
		must(supervisor.add(&leanNode{
			name:         nodeName(i),
			dependencies: namesOf(dependencies(i)),
			factory:      func() leanWorker { return wrap(leanNoop) },
			restart:      sayRestart,
		}))
	}
	var took graphTimes
	begin := time.Now()
	must(supervisor.start())
	supervisor.notReady.Wait()
	took.start = perOperation(begin, graphNodes)
	begin = time.Now()
	supervisor.stop()
	took.stop = perOperation(begin, graphNodes)
	return took
}

// meanGraph is of several graphs, since one takes too little time for a sample.
func meanGraph(once func() graphTimes) graphTimes {
	const graphs = 5
	var sum graphTimes
	for i := 0; i < graphs; i++ {
		took := once()
		sum.start += took.start / graphs
		sum.stop += took.stop / graphs
	}
	return sum
}

func supervisionFigures() []figure {
	all := []figure{
		{"supervisor_restart", "go-source", 0, func() float64 { return sourceNodeRestart(sayRestart) }},
		{"supervisor_restart", "go-managed", 0, func() float64 { return leanNodeRestart(sayRestart, managed) }},
		{"supervisor_restart", "go-lean", 0, func() float64 { return leanNodeRestart(sayRestart, alone) }},
		{"supervisor_restart_logged", "go-source", 0, func() float64 { return sourceNodeRestart(logAndRestart) }},
		{"supervisor_restart_logged", "go-managed", 0, func() float64 { return leanNodeRestart(logAndRestart, managed) }},
		{"supervisor_restart_logged", "go-lean", 0, func() float64 { return leanNodeRestart(logAndRestart, alone) }},
	}
	for _, shape := range []struct {
		name         string
		dependencies dependenciesOf
	}{{"chain", chain}, {"star", star}, {"random", random}} {
		shape := shape
		for _, way := range []struct {
			peer string
			once func() graphTimes
		}{
			{"go-source", func() graphTimes { return sourceGraph(shape.dependencies) }},
			{"go-managed", func() graphTimes { return leanGraph(shape.dependencies, managed) }},
			{"go-lean", func() graphTimes { return leanGraph(shape.dependencies, alone) }},
		} {
			way := way
			all = append(all,
				figure{"graph_start_1000_" + shape.name, way.peer, 0, func() float64 { return meanGraph(way.once).start }},
				figure{"graph_stop_1000_" + shape.name, way.peer, 0, func() float64 { return meanGraph(way.once).stop }})
		}
	}
	return all
}
