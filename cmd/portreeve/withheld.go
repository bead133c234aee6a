package main

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/resource"
)

// withheldText stands where a secret would.
const withheldText = "[redacted]"

// keep notes what a header of the request holds that nobody is shown: all of it, and what stands behind its
// scheme or name.
func (q *question) keep(name, value string) {
	if !resource.Credential(name) {
		return
	}
	// What is shorter is no secret, and stands in every text.
	const least, leastPart = 4, 8
	if len(value) >= least {
		q.secrets = append(q.secrets, spellings(value)...)
	}
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ;=,", r) }) {
		if len(part) >= leastPart {
			q.secrets = append(q.secrets, spellings(part)...)
		}
	}
}

// spellings are the ways in which a text is printed: as it is, in quotes, in JSON, and in quotes in JSON.
func spellings(text string) []string {
	out := []string{text, strings.Trim(strconv.Quote(text), `"`)}
	for _, s := range out {
		b, err := json.Marshal(s)
		if err != nil {
			continue // no text fails
		}
		out = append(out, strings.Trim(string(b), `"`))
	}
	return out
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
	_, err := io.WriteString(s.to, resource.WithoutTokens(text))
	return err
}
