package authority

import (
	"fmt"
	"slices"
	"strings"
)

// Revoked says what came of a revocation.
type Revoked struct {
	Records []Record
	// Unmapped are the SPIFFE IDs that were taken out of the mapping.
	Unmapped []string
}

// Revoke revokes all valid certificates of a gateway, or the one with a serial number, and takes gateways out of
// the mapping that have no other. What is revoked already stays so, and what a crash has left is done.
func (a *Authority) Revoke(s Selection) (Revoked, error) {
	var out Revoked
	chosen, err := a.revocable(s)
	if err != nil {
		return out, err
	}
	for _, r := range chosen {
		if r.Revoked == nil {
			now := a.options.Now()
			r.Revoked = &now
			if err := a.note(r); err != nil {
				return out, err
			}
		}
		out.Records = append(out.Records, r)
	}
	// First what shuts the gateway out, then what it may be.
	if err := a.writeCRL(); err != nil {
		return out, err
	}
	out.Unmapped, err = a.unmap(chosen)
	if err != nil {
		return out, fmt.Errorf("the certificates are revoked; but their gateway is still in the mapping: %w", err)
	}
	return out, nil
}

// revocable returns the certificates that are meant and have not ended.
func (a *Authority) revocable(s Selection) ([]Record, error) {
	serial := strings.TrimLeft(strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(s.Serial)), "0")
	var out []Record
	for _, r := range a.records {
		byName := s.Serial == "" && r.Kind == KindGateway && r.Name == s.Name && r.Namespace == s.Namespace
		if (byName || s.Serial != "" && r.Serial == serial) && r.NotAfter.After(a.options.Now()) {
			out = append(out, r)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case s.Serial != "":
		return nil, fmt.Errorf("no valid certificate from %s has the serial number %.100q; `portreeve ca list` has them all (one that this folder does not know: serve --xds-revoked-serials)", a.options.Dir, s.Serial)
	default:
		return nil, a.unknown(s)
	}
}

// unmap takes the gateways out of the mapping that are left without a certificate.
func (a *Authority) unmap(revoked []Record) ([]string, error) {
	var out []string
	for _, r := range revoked {
		another := slices.ContainsFunc(a.records, func(o Record) bool {
			return o.sameHolder(r) && o.Revoked == nil && o.NotAfter.After(a.options.Now())
		})
		if r.Kind != KindGateway || another || len(r.Names) != 1 {
			continue
		}
		was, err := a.withdraw(r.Names[0])
		if err != nil {
			return out, err
		}
		if was {
			out = append(out, r.Names[0])
		}
	}
	return out, nil
}
