package reload

import (
	"log/slog"
	"slices"

	"github.com/portreeve/portreeve/translate/model"
)

// Access decides what gateways may be. SetMappings may wait for streams to be ended, and no lock is held
// that a gateway waits for.
type Access interface {
	SetMappings(mappings []model.GatewayIdentity)
}

// rights are the mappings of identities that are in force: those of the newest generation of which
// everything is known. It fails closed: a newer one of which something could not be read, was lost, or
// has an error that reaches every gateway changes nothing, and until there is one there are no mappings
// at all, which is not the same as that nothing is mapped. It is guarded by Reloader.turn.
type rights struct {
	// access is nil where nobody is to be told.
	access Access
	logger *slog.Logger
	// from is nil while the mappings are not known.
	from *Generation
}

// grants reports whether the generation says for certain what every identity is allowed.
func (g *Generation) grants() bool {
	return len(g.unreadable) == 0 && len(g.lost) == 0 && g.mapped
}

// granting returns the newest of generations that says what identities are allowed, or nil. They are given the
// newest first.
func granting(generations []*Generation) *Generation {
	i := slices.IndexFunc(generations, (*Generation).grants)
	if i < 0 {
		return nil
	}
	return generations[i]
}

// take brings the mappings of a generation into force that is newer than those before it. It comes
// before anything of the generation is published.
func (r *rights) take(made *Generation) {
	switch {
	case made.grants():
		r.set(made)
	case r.from == nil:
		r.logger.Warn("no mapping of identities is known yet: connections that prove an identity are refused", "generation", made.Seq, "hash", made.Hash)
	case len(r.from.mappings) > 0:
		r.logger.Warn("the mapping of identities is not taken from this generation, the one before stays", "generation", made.Seq, "hash", made.Hash,
			"from", r.from.Seq, "fromHash", r.from.Hash, "identities", len(r.from.mappings))
	}
}

// recall brings the mappings of an earlier process into force, unless newer ones are.
func (r *rights) recall(kept []*Generation) {
	if from := granting(kept); r.from == nil && from != nil {
		r.set(from)
	}
}

func (r *rights) set(from *Generation) {
	known := r.from != nil
	same := known && slices.EqualFunc(r.from.mappings, from.mappings, model.GatewayIdentity.Same)
	if r.from = from; same {
		return
	}
	if r.access != nil {
		r.access.SetMappings(slices.Clone(from.mappings))
	}
	if known || len(from.mappings) > 0 {
		r.logger.Info("the mapping of identities is in force", "generation", from.Seq, "hash", from.Hash, "identities", len(from.mappings))
	}
}
