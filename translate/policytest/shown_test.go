package policytest

import (
	"strings"
	"testing"
)

// TestNoTokenIsTold holds that neither the text of a request nor what is said of headers shows a token.
func TestNoTokenIsTold(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl"
	for url, want := range map[string]string{
		"http://a/x":                           "http://a/x",
		"http://a/x?page=2&q=eyJ":              "http://a/x?page=2&q=eyJ",
		"http://a/x?access_token=${alice}&b=1": "http://a/x?access_token=${alice}&b=1",
		"http://a/x?access_token=opaque&b=1":   "http://a/x?access_token=[redacted]&b=1",
		"http://a/" + token + "?jwt=" + token:  "http://a/[redacted]?jwt=[redacted]",
	} {
		if got := shownURL(url); got != want {
			t.Errorf("%s is shown as %s, want %s", url, got, want)
		}
	}
	var d differences
	d.add("header x-token", "none", token)
	if strings.Contains(d[0], token) {
		t.Errorf("it says %s", d[0])
	}
}
