package server

import "time"

// clock tells the time and calls back later. Tests have one of their own.
type clock interface {
	Now() time.Time
	// AfterFunc calls f once, on a goroutine of its own, unless what it returns is called before.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// systemClock is the clock of the machine.
type systemClock struct{}

// Now implements clock.
func (systemClock) Now() time.Time { return time.Now() }

// AfterFunc implements clock.
func (systemClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
