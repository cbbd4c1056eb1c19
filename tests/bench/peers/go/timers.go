package main

// Arming and cancelling timers, and contexts with a deadline, among a million timers that are armed.

import (
	"context"
	"math/rand"
	"runtime"
	"time"
)

const armedTimers = 1000000

// randomDelays are spread over an hour. They begin after a minute, so that none ends while it is measured.
func randomDelays() []time.Duration {
	delays := make([]time.Duration, armedTimers)
	for i := range delays {
		delays[i] = time.Minute + time.Duration(rand.Int63n(int64(time.Hour)))
	}
	return delays
}

func expire() {
	fail("a timer expired while timers were measured")
}

func armAll(delays []time.Duration) []*time.Timer {
	timers := make([]*time.Timer, armedTimers)
	for i := range timers {
		timers[i] = time.AfterFunc(delays[i], expire)
	}
	return timers
}

// stopAll cancels. Go only marks cancelled timers, and takes them out when the scheduler comes by: the last call makes
// it come, so that this work is neither left out nor left to who is measured next.
func stopAll(timers []*time.Timer) {
	for _, timer := range timers {
		timer.Stop()
	}
	runtime.Gosched()
}

func armAllThenStop() float64 {
	delays := randomDelays()
	begin := time.Now()
	stopAll(armAll(delays))
	return perOperation(begin, armedTimers)
}

// amongArmed is the time of each of a million calls of once, while a million timers are armed.
func amongArmed(once func(delay time.Duration)) float64 {
	delays := randomDelays()
	background := armAll(delays)
	begin := time.Now()
	for _, delay := range delays {
		once(delay)
	}
	runtime.Gosched()
	took := perOperation(begin, armedTimers)
	stopAll(background)
	return took
}

func armAndStopOne() float64 {
	return amongArmed(func(delay time.Duration) {
		time.AfterFunc(delay, expire).Stop()
	})
}

func makeAndCancelOne() float64 {
	start := time.Now()
	return amongArmed(func(delay time.Duration) {
		ctx, cancel := context.WithDeadline(context.Background(), start.Add(delay))
		done := ctx.Done()
		cancel()
		if !isClosed(done) {
			fail("a cancelled context is not done")
		}
	})
}
