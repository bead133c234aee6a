package origin

import (
	"crypto/x509"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/build"
)

// Start is what there is to say of a start.
type Start struct {
	Build build.Info
	// Flags are those that were given, as NAME=VALUE.
	Flags []string
	// PID is that of the process.
	PID int
	// Before is the type of the last event of the record; empty where there is none, or that is not known.
	Before audit.Type
	// Certificate is that by which gateways are served; nil without TLS.
	Certificate *x509.Certificate
}

// StartDetails are those of a start.
type StartDetails struct {
	build.Info
	Flags []string `json:"flags"`
	PID   int      `json:"pid"`
	// Unstopped says that the process before has not recorded its end: it was killed, or the machine.
	Unstopped   bool             `json:"unstopped,omitempty"`
	Certificate *CertificateName `json:"certificate,omitempty"`
}

// StopDetails are those of an end.
type StopDetails struct {
	// Reason is the signal or the error.
	Reason string  `json:"reason"`
	Uptime float64 `json:"uptimeSeconds"`
}

// Started returns the event of a start.
func Started(s Start) audit.Event {
	details := StartDetails{Info: s.Build, Flags: shownFlags(s.Flags), PID: s.PID}
	message := "the control plane starts, version " + s.Build.Version
	// What the end writes after its last event, a signature, is of the record itself.
	if s.Before != "" && s.Before != audit.PlaneStopped {
		details.Unstopped = true
		message += "; the one before it has recorded no end"
	}
	if s.Certificate != nil {
		name := nameOf(s.Certificate)
		details.Certificate = &name
	}
	return audit.Event{Type: audit.PlaneStarted, Subject: "plane", Outcome: audit.Success, Message: message, Details: details}
}

// Stopped returns the event of an end, after so long. Cause is why the process was told to end, and failure why it ends by itself; nil
// is that it does not.
func Stopped(cause, failure error, uptime time.Duration) audit.Event {
	e := audit.Event{Type: audit.PlaneStopped, Subject: "plane", Outcome: audit.Success}
	reason := "it was told to"
	switch {
	case failure != nil:
		e.Outcome, reason = audit.Failure, failure.Error()
	case cause != nil:
		reason = cause.Error()
	}
	reason = scrubbed(reason)
	e.Message, e.Details = "the control plane ends: "+reason, StopDetails{Reason: reason, Uptime: uptime.Seconds()}
	return e
}

// maxFlags bounds the flags that are named.
const maxFlags = 200

// shownFlags are flags without what can be secret of their values. No flag of ours takes a secret, they name files that hold
// them; but an address can have a password, and somebody may take a flag for another.
func shownFlags(flags []string) []string {
	out := make([]string, 0, len(flags))
	for _, flag := range flags[:min(len(flags), maxFlags)] {
		name, value, _ := strings.Cut(flag, "=")
		out = append(out, name+"="+shownValue(name, value))
	}
	slices.Sort(out)
	return out
}

func shownValue(name, value string) string {
	for _, part := range []string{"token", "secret", "password", "authorization", "header"} {
		if strings.Contains(name, part) && !strings.HasSuffix(name, "-dir") && !strings.HasSuffix(name, "-file") {
			return "[redacted]"
		}
	}
	if !strings.Contains(value, "://") {
		return scrubbed(value)
	}
	u, err := url.Parse(value)
	if err != nil {
		return "[redacted]"
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return scrubbed(u.String())
}
