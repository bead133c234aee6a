package model_test

import (
	"testing"

	"github.com/portreeve/portreeve/translate/model"
)

// TestResolvable holds which hosts of requests a wildcard lets be resolved.
func TestResolvable(t *testing.T) {
	port := model.ServicePort{Number: 80, Endpoints: []model.Endpoint{{Port: 8080}}}
	for authority, want := range map[string]bool{
		"a.example.com": true, "a.b.example.com": true, "A.Example.COM": true, "a-b_c.example.com": true, "a.example.com:8080": true, "1.2.3.4.example.com": true,
		"": false, "example.com": false, ".example.com": false, "a..example.com": false, "-a.example.com": false, "a-.example.com": false,
		"a.example.com:80": false, "a.example.com:": false, "a.example.com:80801": false, "a.example.com.": false, "a.example.com.evil.test": false,
		"aexample.com": false, "a.exampleXcom": false, "a.example.com@evil.test": false, "evil.test#a.example.com": false, "evil.test/a.example.com": false,
		"a.example.com\n": false, "127.0.0.1": false, "[::1]:8080": false, "*.example.com": false, "%61.example.com": false, "a b.example.com": false,
	} {
		if got := port.Resolvable("*.example.com", authority); got != want {
			t.Errorf("%q: %v, want %v", authority, got, want)
		}
	}
	if port.Resolvable("example.com", "example.com") {
		t.Error("a host without a wildcard bounds nothing")
	}
}
