package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/portreeve/portreeve/internal/audit"
)

// auditEvent is what the verbs read of a line of the record.
type auditEvent struct {
	line []byte

	ID        string    `json:"id"`
	Source    string    `json:"source"`
	Type      string    `json:"type"`
	Subject   string    `json:"subject"`
	Time      time.Time `json:"time"`
	Sequence  string    `json:"sequence"`
	ChainPrev string    `json:"chainprev"`
	ChainHash string    `json:"chainhash"`
	Data      struct {
		Severity string `json:"severity"`
		Message  string `json:"message"`
		Unmapped struct {
			Portreeve auditDetails `json:"portreeve"`
		} `json:"unmapped"`
	} `json:"data"`
}

type auditDetails struct {
	Outcome    string          `json:"outcome"`
	Namespaces []string        `json:"namespaces"`
	Objects    []audit.Object  `json:"objects"`
	Actors     []audit.Actor   `json:"actors"`
	Counts     audit.Counts    `json:"counts"`
	Details    json.RawMessage `json:"details"`
}

func parseAuditEvent(line []byte) (auditEvent, error) {
	e := auditEvent{line: line}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, err
	}
	if e.Type == "" || e.Sequence == "" {
		return e, fmt.Errorf("it has no %q or no %q", "type", "sequence")
	}
	return e, nil
}

// kind is the type without what all types begin with.
func (e *auditEvent) kind() string { return strings.TrimPrefix(e.Type, audit.TypePrefix) }

// details are what is ours of an event.
func (e *auditEvent) details() *auditDetails { return &e.Data.Unmapped.Portreeve }

// seq is the number of an event, without the zeros by which the text sorts.
func (e *auditEvent) seq() string {
	n, err := strconv.ParseUint(e.Sequence, 10, 64)
	if err != nil {
		return plainText(e.Sequence)
	}
	return strconv.FormatUint(n, 10)
}

// untouched reports whether the line has the hash that it says to have. That says nothing of the lines before it.
func (e *auditEvent) untouched() bool {
	said, is, ok := audit.Hashed(e.line)
	return ok && said == is
}

// author is who did it as one line has room for: the first author, or else the first owner.
func (e *auditEvent) author() string {
	owner := ""
	for _, a := range e.details().Actors {
		if a.Author != "" {
			return a.Author
		}
		if owner == "" {
			owner = a.Owner
		}
	}
	return owner
}

// plainText is text on one line, in which nothing does anything to a terminal: what events hold was written by others.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return '?'
		}
		return r
	}, s)
}
