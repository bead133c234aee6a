package authority

import (
	"fmt"
	"time"
)

// State is what can be said of a certificate.
type State string

// The states of certificates.
const (
	Valid    State = "valid"
	Due      State = "renew"
	Expired  State = "expired"
	Withheld State = "revoked"
	Replaced State = "replaced"
)

// Listing is what an authority has issued. It holds no key.
type Listing struct {
	TrustDomain  string    `json:"trustDomain"`
	NotAfter     time.Time `json:"notAfter"`
	DaysLeft     int       `json:"daysLeft"`
	Certificates []Listed  `json:"certificates"`
}

// Listed is a certificate, and how it stands.
type Listed struct {
	Record
	State    State `json:"state"`
	DaysLeft int   `json:"daysLeft"`
}

// List reads what an authority has issued, oldest first. It changes nothing, and needs neither the lock nor the key.
func List(o Options) (Listing, error) {
	a := &Authority{options: o.complete()}
	content, err := a.present(certificateName)
	if err != nil {
		return Listing{}, err
	}
	if content == nil {
		return Listing{}, missing(o.Dir)
	}
	if a.certificate, a.domain, err = ownCertificate(content); err != nil {
		return Listing{}, fmt.Errorf("%s: %w", a.path(certificateName), err)
	}
	if a.records, err = readRecords(a.path(recordsName)); err != nil {
		return Listing{}, err
	}
	out := Listing{TrustDomain: a.domain.Name(), NotAfter: a.certificate.NotAfter, DaysLeft: a.days(a.certificate.NotAfter), Certificates: []Listed{}}
	for _, r := range a.records {
		out.Certificates = append(out.Certificates, Listed{r, a.state(r), a.days(r.NotAfter)})
	}
	return out, nil
}

// days returns the whole days until then; none where it has passed.
func (a *Authority) days(end time.Time) int {
	return max(0, int(end.Sub(a.options.Now())/(24*time.Hour)))
}

func (a *Authority) state(r Record) State {
	now := a.options.Now()
	switch {
	case r.Revoked != nil:
		return Withheld
	case !now.Before(r.NotAfter):
		return Expired
	case !a.inUse(r):
		return Replaced
	case !now.Before(r.Due()):
		return Due
	default:
		return Valid
	}
}
