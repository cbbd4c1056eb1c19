package main

// A supervision tree in the shape of the one that the library follows: a processor, which is told by requests of what is
// to be started and what has died, and every millisecond, if there were any, looks through the tree for subtrees to be
// restarted. Runnables find their node by the name in their context.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

type runnable func(ctx context.Context) error

type treeState int

const (
	treeNew treeState = iota
	treeHealthy
	treeDone
	treeDead
	treeCanceled
)

type sourceTreeNode struct {
	name     string
	run      runnable
	parent   *sourceTreeNode
	children map[string]*sourceTreeNode
	groups   []map[string]bool
	state    treeState
	ctx      context.Context
	cancel   context.CancelFunc
}

// treeRequest: of the runnable of that name, that it is to be started, or that it has returned.
type treeRequest struct {
	name     string
	returned bool
	err      error
}

type sourceTree struct {
	lock     sync.RWMutex
	root     *sourceTreeNode
	requests chan *treeRequest
	died     func(name string, err error)
	running  sync.WaitGroup
	over     chan struct{} // the processor takes no requests any more
}

type treeKey int

const (
	treeInContext treeKey = iota
	nameInContext
)

func startSourceTree(ctx context.Context, root runnable, died func(name string, err error)) *sourceTree {
	tree := &sourceTree{requests: make(chan *treeRequest), died: died, over: make(chan struct{})}
	tree.root = tree.newNode(nil, ctx, "root", root)
	go tree.process(ctx)
	tree.request(&treeRequest{name: "root"})
	return tree
}

func (t *sourceTree) newNode(parent *sourceTreeNode, above context.Context, name string, run runnable) *sourceTreeNode {
	node := &sourceTreeNode{name: name, run: run, parent: parent}
	node.reset(t, above)
	return node
}

func (n *sourceTreeNode) fullName() string {
	if n.parent == nil {
		return n.name
	}
	return n.parent.fullName() + "." + n.name
}

// reset makes the node as it is before a start.
func (n *sourceTreeNode) reset(t *sourceTree, above context.Context) {
	if n.cancel != nil {
		n.cancel()
	}
	ctx := context.WithValue(context.WithValue(above, treeInContext, t), nameInContext, n.fullName())
	n.ctx, n.cancel = context.WithCancel(ctx)
	n.children = map[string]*sourceTreeNode{}
	n.groups = nil
	n.state = treeNew
}

func (t *sourceTree) find(name string) *sourceTreeNode {
	node := t.root
	for _, part := range strings.Split(name, ".")[1:] {
		node = node.children[part]
	}
	return node
}

func (t *sourceTree) request(request *treeRequest) {
	select {
	case t.requests <- request:
	case <-t.over:
		if request.returned {
			t.running.Done()
		}
	}
}

// ---- for runnables ----

func nodeOf(ctx context.Context) (*sourceTree, string) {
	return ctx.Value(treeInContext).(*sourceTree), ctx.Value(nameInContext).(string)
}

func runInSourceTree(ctx context.Context, name string, run runnable) error {
	tree, parent := nodeOf(ctx)
	err := tree.addChild(parent, name, run)
	if err == nil {
		tree.request(&treeRequest{name: parent + "." + name})
	}
	return err
}

func (t *sourceTree) addChild(parentName, name string, run runnable) error {
	t.lock.Lock()
	defer t.lock.Unlock()
	parent := t.find(parentName)
	if parent.state != treeNew {
		return errors.New("children are started before one is healthy")
	}
	if parent.children[name] != nil {
		return fmt.Errorf("%q is there already", name)
	}
	parent.children[name] = t.newNode(parent, parent.ctx, name, run)
	parent.groups = append(parent.groups, map[string]bool{name: true})
	return nil
}

func healthyInSourceTree(ctx context.Context) {
	tree, name := nodeOf(ctx)
	tree.lock.Lock()
	defer tree.lock.Unlock()
	node := tree.find(name)
	if node.state != treeNew {
		panic("healthy out of order")
	}
	node.state = treeHealthy
}

// ---- the processor ----

func (t *sourceTree) process(ctx context.Context) {
	defer close(t.over)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for clean := true; ; {
		select {
		case <-ctx.Done(): // and so are the contexts of all nodes
			return
		case <-tick.C:
			if !clean {
				t.restartSubtrees()
				clean = true
			}
		case request := <-t.requests:
			clean = false
			if request.returned {
				t.noteReturn(request)
			} else {
				t.start(request.name)
			}
		}
	}
}

func (t *sourceTree) start(name string) {
	t.lock.RLock()
	defer t.lock.RUnlock()
	node := t.find(name)
	ctx, run := node.ctx, node.run
	t.running.Add(1)
	go func() {
		defer func() {
			if reason := recover(); reason != nil {
				t.request(&treeRequest{name: name, returned: true, err: fmt.Errorf("panic: %v", reason)})
			}
		}()
		t.request(&treeRequest{name: name, returned: true, err: run(ctx)})
	}()
}

func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func (t *sourceTree) noteReturn(request *treeRequest) {
	t.lock.Lock()
	defer t.lock.Unlock()
	defer t.running.Done()
	node := t.find(request.name)
	if node.state == treeDone && request.err == nil {
		return
	}
	if err := node.ctx.Err(); err != nil && innermost(request.err) == err {
		node.state = treeCanceled
		return
	}
	node.state = treeDead
	t.died(request.name, request.err)
	node.cancel()
	if node.parent == nil {
		return
	}
	for _, group := range node.parent.groups {
		if group[node.name] {
			for name := range group {
				node.parent.children[name].cancel()
			}
		}
	}
}

// restartSubtrees looks at the whole tree.
func (t *sourceTree) restartSubtrees() {
	t.lock.Lock()
	defer t.lock.Unlock()
	ended := map[*sourceTreeNode]bool{}
	t.root.noteEnded(ended)
	queue := []*sourceTreeNode{t.root}
	for len(queue) > 0 {
		node := queue[0]
		queue = queue[1:]
		wanted := node.state == treeDead || node.state == treeCanceled
		if wanted && ended[node] && (node.parent == nil || node.parent.ctx.Err() == nil) {
			node.restart(t)
			continue
		}
		for _, child := range node.children {
			queue = append(queue, child)
		}
	}
}

// noteEnded notes the nodes which, with all below them, have ended.
func (n *sourceTreeNode) noteEnded(ended map[*sourceTreeNode]bool) {
	all := n.state >= treeDone
	for _, child := range n.children {
		child.noteEnded(ended)
		all = all && ended[child]
	}
	ended[n] = all
}

// restart has no pause, as none is asked for; the processor, which calls this, must not wait for itself.
func (n *sourceTreeNode) restart(t *sourceTree) {
	above := context.Background()
	if n.parent != nil {
		above = n.parent.ctx
	}
	n.reset(t, above)
	go t.request(&treeRequest{name: n.fullName()})
}
