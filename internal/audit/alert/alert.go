// Package alert tells webhooks of the events that AuditAlert objects ask for, grouped and at a bounded rate:
//
//	lines ─ backlog ─ see ─ match ─ group ─ rate ─▶ message ─▶ webhook
//
// The Engine is a sink of the record. What it holds is in memory: a process that is killed tells nobody of what it had not
// sent, and the record has it.
package alert

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The bounds of what is held. Beyond them events are counted and not named, and groups are not told apart.
const (
	// maxBacklog and maxBacklogBytes bound the lines that were taken and not looked at yet.
	maxBacklog      = 4096
	maxBacklogBytes = 16 << 20
	// maxGroups are the groups of all alerts, and maxOwnGroups those of one.
	maxGroups    = 1000
	maxOwnGroups = 100
	// maxNamed are the events that one message names, and maxHeld those that are held for all of them.
	maxNamed = 100
	maxHeld  = 10_000
	// maxMessage bounds a message, in bytes.
	maxMessage = 192 << 10
)

// grace is how long an alert that was changed or removed still tells of what it told of: long enough for the edit that did
// it to be in the record. So nobody takes an alert away in silence.
const grace = 30 * time.Second

// again is when a message is tried again that could not be handed on.
const again = 30 * time.Second

// Sender hands a CloudEvent, in JSON on one line, to a webhook by its name. It does not wait. An error says that the
// webhook will not be told.
type Sender interface {
	Send(webhook string, event []byte) error
}

// Options are what an Engine works with.
type Options struct {
	Sender Sender
	// Instance names the control plane to who is told.
	Instance   string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock.
	Now func() time.Time
}
