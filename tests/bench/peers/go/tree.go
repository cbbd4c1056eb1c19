package main

// Supervision trees, both kinds: restarts of a leaf.

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"time"
)

// deathNote is called for each runnable that has died.
type deathNote = func(name string, err error)

// treeKind is what differs between the two.
type treeKind struct {
	start   func(ctx context.Context, root runnable, died deathNote) *sync.WaitGroup // which is that of what runs
	add     func(ctx context.Context, name string, run runnable) error
	healthy func(ctx context.Context)
}

var sourceTreeKind = treeKind{
	func(ctx context.Context, root runnable, died deathNote) *sync.WaitGroup {
		return &startSourceTree(ctx, root, died).running
	},
	runInSourceTree, healthyInSourceTree,
}

var leanTreeKind = treeKind{
	func(ctx context.Context, root runnable, died deathNote) *sync.WaitGroup {
		return &startLeanTree(ctx, root, died).running
	},
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

func (g *grove) restart(leaf int) {
	g.fail[leaf] <- struct{}{}
	<-g.ready
}

// leafRestart is the mean time of a restart of the first leaf, again and again; or, if any, of one or another. Those
// have all died before, as in the bench.
func leafRestart(kind treeKind, died deathNote, branches, leaves int, any bool, n int) float64 {
	g := &grove{kind: kind, branches: branches, leaves: leaves, ready: make(chan struct{}, 1)}
	for i := 0; i < branches*leaves; i++ {
		g.fail = append(g.fail, make(chan struct{}, 1))
	}
	ctx, cancel := context.WithCancel(context.Background())
	running := kind.start(ctx, g.parent(branches, g.branch), died)
	for i := 0; i < branches*leaves; i++ {
		<-g.ready
	}
	leaf := func() int { return 0 }
	if any {
		leaf = func() int { return rand.Intn(branches * leaves) }
		for i := 0; i < branches*leaves; i++ {
			g.restart(i)
		}
	}
	begin := time.Now()
	for i := 0; i < n; i++ {
		g.restart(leaf())
	}
	took := perOperation(begin, n)
	cancel()
	running.Wait()
	return took
}

func sayNothing(string, error) {
}

func logDeath(name string, err error) {
	nowhere.Printf("error %s: died: %v", name, err)
}

func treeFigures() []figure {
	var all []figure
	for _, way := range []struct {
		name string
		died deathNote
	}{{"tree_restart_leaf_10", sayNothing}, {"tree_restart_leaf_10_logged", logDeath}} {
		way := way
		all = append(all,
			// Each takes a millisecond, or somewhat more, so few will do.
			figure{way.name, "go-source", 0, func() float64 { return leafRestart(sourceTreeKind, way.died, 3, 2, false, 50) }},
			figure{way.name, "go-lean", 0, func() float64 { return leafRestart(leanTreeKind, way.died, 3, 2, false, 10000) }})
	}
	return append(all, figure{"tree_restart_random_leaf_100k_vs_go", "go-lean", 1,
		func() float64 { return leafRestart(leanTreeKind, sayNothing, 369, 270, true, 50000) }})
}
