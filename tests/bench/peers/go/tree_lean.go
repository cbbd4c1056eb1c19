package main

// A supervision tree as lean as it gets in Go without losing what was asked for: one lock, a goroutine for each runnable,
// and counters of what has not ended. Whoever ends looks upward for the largest subtree that can be started anew; mostly
// that is itself, and it goes on in the same goroutine.

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

type leanTree struct {
	lock    sync.Mutex
	above   context.Context
	died    func(name string, err error)
	running sync.WaitGroup
}

// leanInstance is the context of a runnable: one of its own for each start, so that what an old one has left behind sees
// its end.
type leanInstance struct {
	context.Context
	node *leanTreeNode
}

type leanTreeNode struct {
	ctx      *leanInstance
	cancel   context.CancelFunc
	tree     *leanTree
	parent   *leanTreeNode
	name     string
	run      runnable
	group    []*leanTreeNode // with itself
	children map[string]*leanTreeNode
	up       int // children with something that has not ended
	state    treeState
	down     bool // it and all below it have ended
}

func startLeanTree(ctx context.Context, root runnable, died func(name string, err error)) *leanTree {
	tree := &leanTree{above: ctx, died: died}
	node := &leanTreeNode{tree: tree, name: "root", run: root}
	node.reset()
	tree.running.Add(1)
	go node.execute()
	return tree
}

func (n *leanTreeNode) above() context.Context {
	if n.parent == nil {
		return n.tree.above
	}
	return n.parent.ctx.Context
}

// reset makes the node as it is before a start.
func (n *leanTreeNode) reset() {
	ctx, cancel := context.WithCancel(n.above())
	n.ctx, n.cancel = &leanInstance{ctx, n}, cancel
	n.children = nil
	n.state = treeNew
}

// ---- for runnables ----

func runInLeanTree(ctx context.Context, name string, run runnable) error {
	parent := ctx.(*leanInstance).node
	tree := parent.tree
	tree.lock.Lock()
	defer tree.lock.Unlock()
	if parent.state != treeNew {
		return errors.New("children are started before one is healthy")
	}
	if parent.children[name] != nil {
		return fmt.Errorf("%q is there already", name)
	}
	if parent.children == nil {
		parent.children = map[string]*leanTreeNode{}
	}
	child := &leanTreeNode{tree: tree, parent: parent, name: name, run: run}
	child.group = []*leanTreeNode{child}
	child.reset()
	parent.children[name] = child
	parent.up++
	tree.running.Add(1)
	go child.execute()
	return nil
}

func healthyInLeanTree(ctx context.Context) {
	node := ctx.(*leanInstance).node
	node.tree.lock.Lock()
	defer node.tree.lock.Unlock()
	if node.state != treeNew {
		panic("healthy out of order")
	}
	node.state = treeHealthy
}

// ---- the goroutine of a node ----

func (n *leanTreeNode) execute() {
	for {
		next := n.noteReturn(n.attempt())
		if next != n {
			if next != nil {
				n.tree.running.Add(1)
				go next.execute()
			}
			break
		}
	}
	n.tree.running.Done()
}

func (n *leanTreeNode) attempt() (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return n.run(n.ctx)
}

// noteReturn tells which node is to be started because of it, itself maybe.
func (n *leanTreeNode) noteReturn(err error) *leanTreeNode {
	n.tree.lock.Lock()
	defer n.tree.lock.Unlock()
	if n.state == treeDone && err == nil {
		return n.lookUpward()
	}
	if cause := n.ctx.Err(); cause != nil && errors.Is(err, cause) {
		n.state = treeCanceled
		return n.lookUpward()
	}
	n.state = treeDead
	n.tree.died(n.name, err)
	n.cancel()
	for _, sibling := range n.group {
		if sibling != n {
			sibling.cancel()
		}
	}
	return n.lookUpward()
}

func (n *leanTreeNode) lookUpward() *leanTreeNode {
	for n != nil && n.state >= treeDone && n.up == 0 {
		if n.ctx.Err() != nil && n.above().Err() == nil {
			if n.down {
				n.down = false
				n.parent.up++
			}
			n.reset()
			return n
		}
		if n.parent != nil && !n.down {
			n.down = true
			n.parent.up--
		}
		n = n.parent
	}
	return nil
}
