package main

// Supervision trees, both kinds: restarts of a leaf.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// treeKind is what differs between the two.
type treeKind struct {
	start   func(ctx context.Context, root runnable) *sync.WaitGroup // which is that of what runs
	add     func(ctx context.Context, name string, run runnable) error
	healthy func(ctx context.Context)
}

var sourceTreeKind = treeKind{
	func(ctx context.Context, root runnable) *sync.WaitGroup { return &startSourceTree(ctx, root).running },
	runInSourceTree, healthyInSourceTree,
}

var leanTreeKind = treeKind{
	func(ctx context.Context, root runnable) *sync.WaitGroup { return &startLeanTree(ctx, root).running },
	runInLeanTree, healthyInLeanTree,
}

// grove is a tree of a root, branches, and leaves, of which one can be told to fail.
type grove struct {
	kind     treeKind
	branches int
	leaves   int // of each branch
	fail     []chan struct{}
	ready    chan struct{}
}

func (g *grove) leaf(number int) runnable {
	return func(ctx context.Context) error {
		g.kind.healthy(ctx)
		g.ready <- struct{}{}
		select {
		case <-g.fail[number]:
			return errors.New("failed on purpose")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *grove) parent(children int, child func(number int) runnable) runnable {
	return func(ctx context.Context) error {
		for i := 0; i < children; i++ {
			must(g.kind.add(ctx, fmt.Sprintf("c%d", i), child(i)))
		}
		g.kind.healthy(ctx)
		<-ctx.Done()
		return ctx.Err()
	}
}

func (g *grove) branch(number int) runnable {
	return g.parent(g.leaves, func(leaf int) runnable { return g.leaf(number*g.leaves + leaf) })
}

// leafRestart is the mean time of a restart of the first leaf, again and again.
func leafRestart(kind treeKind, branches, leaves, n int) float64 {
	g := &grove{kind: kind, branches: branches, leaves: leaves, ready: make(chan struct{}, 1)}
	for i := 0; i < branches*leaves; i++ {
		g.fail = append(g.fail, make(chan struct{}, 1))
	}
	ctx, cancel := context.WithCancel(context.Background())
	running := kind.start(ctx, g.parent(branches, g.branch))
	for i := 0; i < branches*leaves; i++ {
		<-g.ready
	}
	begin := time.Now()
	for i := 0; i < n; i++ {
		g.fail[0] <- struct{}{}
		<-g.ready
	}
	took := perOperation(begin, n)
	cancel()
	running.Wait()
	return took
}

func treeFigures() []figure {
	return []figure{
		{"tree_restart_leaf_10", "go-source", 0, func() float64 { return leafRestart(sourceTreeKind, 3, 2, 50) }},
		{"tree_restart_leaf_10", "go-lean", 0, func() float64 { return leafRestart(leanTreeKind, 3, 2, 10000) }},
	}
}
