package alert

import (
	"sync"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// maxWanted bounds the changes of alerts that wait for the engine. Beyond it the newest takes the place of the one before.
const maxWanted = 100

// wanted are alerts that are to come into force. Who sets them publishes policy, and never waits for an engine that looks at
// much: an alert keeps no gateway from its policy.
type wanted struct {
	mu  sync.Mutex
	all []change
}

// change is the alerts that are in force from a time on.
type change struct {
	alerts []model.AuditAlert
	at     time.Time
}

func (w *wanted) put(c change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == maxWanted {
		w.all = w.all[:maxWanted-1]
	}
	w.all = append(w.all, c)
}

// take returns the changes, the oldest first.
func (w *wanted) take() []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.all
	w.all = nil
	return out
}
