package reload

import (
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/portreeve/portreeve/translate/model"
)

// Alerts tells who asks for it of what happens. SetAlerts does not wait.
type Alerts interface {
	SetAlerts(alerts []model.AuditAlert)
}

// AlertStatus says which AuditAlerts are in force.
type AlertStatus struct {
	// Generation is the one that they are of.
	Generation Reading `json:"generation"`
	Count      int     `json:"count"`
	// Kept are those, as namespace/name, that are broken there and stay as they were last good.
	Kept []string `json:"kept,omitempty"`
}

// watching are the AuditAlerts that are in force: those of the newest generation of which it is known what there is. One
// that is broken there stays as it was last good, whatever else is refused of that generation: a mistake must not silence an
// alert, nor one of one team those of others. It is guarded by Reloader.turn.
type watching struct {
	// told is nil where nobody is to be told.
	told   Alerts
	logger *slog.Logger
	// from is nil while nothing is known.
	from    *Generation
	inForce []model.AuditAlert
	// shown is what Status says of that.
	shown atomic.Pointer[AlertStatus]
}

// alertsKnown reports whether the generation says for certain which alerts there are.
func (g *Generation) alertsKnown() bool {
	return g.alerting && len(g.unreadable) == 0 && len(g.lost) == 0
}

// alerting returns the newest of generations whose alerts are known and all sound, or nil. They are given the newest
// first.
func alerting(generations []*Generation) *Generation {
	i := slices.IndexFunc(generations, func(g *Generation) bool { return g.alertsKnown() && len(g.unsound) == 0 })
	if i < 0 {
		return nil
	}
	return generations[i]
}

// take brings the alerts of a generation into force that is newer than those before it. It comes before anything of the
// generation is published.
func (w *watching) take(made *Generation) {
	if !made.alertsKnown() {
		if len(w.inForce) > 0 || w.from == nil {
			w.logger.Warn("it is not known which AuditAlerts this generation has, those before stay", "generation", made.Seq, "hash", made.Hash, "alerts", len(w.inForce))
		}
		return
	}
	alerts, kept := w.mended(made)
	slices.SortFunc(alerts, func(a, b model.AuditAlert) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	w.set(made, alerts, kept)
}

// mended returns the alerts of a generation, and those that are broken there as they were. Where these are too many, those of
// namespaces other than the root give way.
func (w *watching) mended(made *Generation) (alerts []model.AuditAlert, kept []string) {
	alerts, kept = slices.Clone(made.alerts), []string{}
	for _, key := range made.unsound {
		name := key.Namespace + "/" + key.Name
		i := slices.IndexFunc(w.inForce, func(a model.AuditAlert) bool { return a.Key == key })
		if i < 0 || len(alerts) == model.MaxAlerts && !giveWay(&alerts, w.inForce[i]) {
			w.logger.Error("an AuditAlert is broken and not in force", "alert", name, "generation", made.Seq, "hash", made.Hash)
			continue
		}
		w.logger.Warn("an AuditAlert is broken, it stays as it was", "alert", name, "generation", made.Seq, "hash", made.Hash)
		alerts, kept = append(alerts, w.inForce[i]), append(kept, name)
	}
	return alerts, kept
}

// giveWay takes out the last alert of another namespace for one of the root, and reports whether there is one.
func giveWay(alerts *[]model.AuditAlert, next model.AuditAlert) bool {
	for i, a := range slices.Backward(*alerts) {
		if next.Namespace == "" && a.Namespace != "" {
			*alerts = slices.Delete(*alerts, i, i+1)
			return true
		}
	}
	return false
}

// recall brings the alerts of an earlier process into force, unless newer ones are. They are given the newest first.
func (w *watching) recall(kept []*Generation) {
	if w.from != nil {
		return
	}
	for _, g := range slices.Backward(kept) {
		if g.alertsKnown() {
			w.take(g)
		}
	}
}

func (w *watching) set(from *Generation, alerts []model.AuditAlert, kept []string) {
	same := slices.EqualFunc(w.inForce, alerts, func(a, b model.AuditAlert) bool { return a.Same(&b) })
	w.from, w.inForce = from, alerts
	w.shown.Store(&AlertStatus{*reading(from), len(alerts), kept})
	if same {
		return
	}
	if w.told != nil {
		w.told.SetAlerts(slices.Clone(alerts))
	}
	w.logger.Info("AuditAlerts are in force", "generation", from.Seq, "hash", from.Hash, "alerts", len(alerts))
}
