package ack

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMessage bounds what is kept of a refusal's message, which a client chooses.
const maxMessage = 8 << 10

// maxSearched bounds what is searched of it for each name.
const maxSearched = 64 << 10

// cut shortens a message to maxMessage bytes, at the end of a character, without space around it, and
// takes out what would do something to the terminal that it is shown on.
func cut(message string) string {
	message = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, message))
	if len(message) <= maxMessage {
		return message
	}
	end := maxMessage
	for end > 0 && !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}

// named returns which of the names stand in a message as whole words. Envoy's text is not an
// interface, so this looks for what was sent rather than for the form of a sentence. One name
// that was sent alone is the one that was refused, whatever the message says.
func named(message string, names []string) []string {
	if len(names) == 1 {
		return names
	}
	message = message[:min(len(message), maxSearched)]
	found := []string{}
	for _, name := range names {
		if stands(message, name) {
			found = append(found, name)
		}
	}
	return found
}

// stands reports whether name is in text, not as a part of a longer name.
func stands(text, name string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 || name == "" {
			return false
		}
		start := from + i
		end := start + len(name)
		if !(start > 0 && inName(text[start-1])) && !(end < len(text) && continues(text[end:])) {
			return true
		}
		from = start + 1
	}
}

// continues reports whether rest goes on with the name before it: a dot or colon does so only
// when more of a name follows, as both also end a phrase.
func continues(rest string) bool {
	if rest[0] == '.' || rest[0] == ':' {
		return len(rest) > 1 && inName(rest[1])
	}
	return inName(rest[0])
}

// inName reports whether b is a character that names of resources are made of.
func inName(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte("-_./|:~", b) >= 0
}
