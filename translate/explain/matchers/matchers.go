// Package matchers decides Envoy's matchers of strings, headers, paths, addresses and metadata, for the
// filters and the routes that use them. What it does not know it refuses with an error, when it is made
// ready: no condition is taken for one that holds or fails because nobody understood it.
package matchers

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// errNotUnderstood is the cause of all errors of this package.
var errNotUnderstood = errors.New("not understood")

func notUnderstood(m proto.Message) error {
	return fmt.Errorf("%s of %.200v: %w", m.ProtoReflect().Descriptor().Name(), m, errNotUnderstood)
}

// Matcher is a condition of a request, made ready. It is immutable.
type Matcher struct {
	// Wants says what it asks, as a person reads it: `path is /a`, `header x-user is "alice"`.
	Wants string
	// Subject and Object are what Wants is about, and what it asks for, by which matchers of one subject
	// are told together: `path is one of /a, /b*`. Wants begins with the subject and ` is `.
	Subject, Object string
	// Decide decides. It does not say why, and so costs less than Match.
	Decide func(s *traffic.Stream) traffic.Condition
	// Saw says what is there, as a person reads it.
	Saw func(s *traffic.Stream) string
}

// Match decides; saw says what was there, where it does not hold.
func (m Matcher) Match(s *traffic.Stream) (matched traffic.Condition, saw string) {
	matched = m.Decide(s)
	if matched.Holds() {
		return matched, ""
	}
	return matched, m.Saw(s)
}

// about makes a matcher of a subject, whose name is put into words.
func about(subject, object string, decide func(*traffic.Stream) traffic.Condition, saw func(*traffic.Stream) string) Matcher {
	return Matcher{Wants: subject + " is " + object, Subject: subject, Object: object, Decide: decide, Saw: saw}
}

// inversion says that a matcher asks for the opposite.
type inversion bool

func (i inversion) of(c traffic.Condition) traffic.Condition {
	if i {
		return c.Not()
	}
	return c
}

func (i inversion) said(object string) string {
	if i {
		return "not " + object
	}
	return object
}
