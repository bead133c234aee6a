package alert

import (
	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/model"
)

// Seen is what an alert sees of an event that it is about.
func Seen(a *model.AuditAlert, e audit.Event) (audit.Event, bool) {
	s, ok := see(e, a.Namespace)
	return s.Event, ok && matches(a, s)
}

// Fits is the matching of one pattern.
func Fits(pattern, value string) bool {
	left := effort(maxEffort)
	return left.fits(pattern, value)
}

// Busy makes an engine look at something until it is called off.
func (e *Engine) Busy() (callOff func()) {
	e.mu.Lock()
	return e.mu.Unlock
}
