package resource

import (
	"net/url"
	"regexp"
	"strings"
)

// ShownAddress returns a web address as it may be shown to anybody: without user, password
// and query. Text that is no address loses what would stand there.
func ShownAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" {
		before, _, _ := strings.Cut(address, "?")
		return before[strings.LastIndexByte(before, '@')+1:]
	}
	if u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" {
		return address
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return u.String()
}

// Credential reports whether a header of that name is one in which secrets are sent.
func Credential(header string) bool {
	header = strings.ReplaceAll(strings.ToLower(header), "_", "-")
	for _, part := range []string{"authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "access-key", "credential"} {
		if strings.Contains(header, part) {
			return true
		}
	}
	return false
}

// jwtText is what looks like a token, whoever put it there.
var jwtText = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)

// WithoutTokens returns a text in which nothing stands that looks like a token.
func WithoutTokens(text string) string { return jwtText.ReplaceAllString(text, "[redacted]") }
