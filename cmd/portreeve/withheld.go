package main

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/resource"
)

// withheldText stands where a secret would.
const withheldText = "[redacted]"

// jwtText is what looks like a token, whoever put it there.
var jwtText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)

// keep notes what a header of the request holds that nobody is shown: all of it, and what stands behind its
// scheme or name.
func (q *question) keep(name, value string) {
	if !resource.Credential(name) {
		return
	}
	q.secrets = append(q.secrets, value)
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ;=,", r) }) {
		const short = 8 // Bearer, Basic: no secret
		if len(part) >= short {
			q.secrets = append(q.secrets, part)
		}
	}
}

// withheld returns where an answer is written that nothing secret goes through.
func (q question) withheld(w io.Writer) *sieve {
	slices.SortFunc(q.secrets, func(a, b string) int { return len(b) - len(a) })
	return &sieve{to: w, secrets: q.secrets}
}

// sieve holds what is written back until it is whole, and then lets it go without secrets.
type sieve struct {
	bytes.Buffer
	to      io.Writer
	secrets []string
}

func (s *sieve) flush() error {
	text := s.String()
	for _, secret := range s.secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, withheldText)
		}
	}
	_, err := io.WriteString(s.to, jwtText.ReplaceAllString(text, withheldText))
	return err
}
