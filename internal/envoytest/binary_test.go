package envoytest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// program writes a program that prints one line.
func program(t *testing.T, path, line string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+line+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestBinary(t *testing.T) {
	const right, wrong = "envoy  version: abc/1.40.2/Clean/RELEASE/BoringSSL", "envoy  version: abc/1.4.0/Clean/RELEASE/BoringSSL"
	tests := map[string]struct {
		env, onPath, installed bool
		version, want          string
	}{
		"env first":                 {env: true, onPath: true, installed: true, version: right, want: "given"},
		"path next":                 {onPath: true, installed: true, version: right, want: "path/envoy"},
		"another version on path":   {onPath: true, installed: true, version: wrong, want: "work/" + installed},
		"installed":                 {installed: true, want: "work/" + installed},
		"another version, no other": {onPath: true, version: wrong},
		"none":                      {},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			program(t, filepath.Join(root, "given"), right)
			t.Setenv("ENVOY", "")
			t.Setenv("PATH", filepath.Join(root, "path"))
			deep := filepath.Join(root, "work/internal/deep")
			if err := os.MkdirAll(deep, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Chdir(deep)
			if tc.env {
				t.Setenv("ENVOY", filepath.Join(root, "given"))
			}
			if tc.onPath {
				program(t, filepath.Join(root, "path/envoy"), tc.version)
			}
			if tc.installed {
				program(t, filepath.Join(root, "work", installed), right)
			}

			got, err := Binary()
			if tc.want == "" {
				if !errors.Is(err, ErrNoEnvoy) {
					t.Fatalf("got %q, %v; want ErrNoEnvoy", got, err)
				}
				return
			}
			if want := filepath.Join(root, tc.want); err != nil || got != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

// TestReleaseIsWhatTheBinarySays holds that the version is that of the Envoy that is run, and that nothing is made up.
func TestReleaseIsWhatTheBinarySays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "envoy")
	t.Setenv("ENVOY", path)
	program(t, path, "/opt/a/envoy  version: abc/1.39.3/Clean/RELEASE/BoringSSL")
	if got := Release(t); got != "1.39.3" {
		t.Errorf("got %q", got)
	}
	program(t, path, "what?")
	if got, err := release(t.Context(), path); err == nil {
		t.Errorf("of a program that does not say it got %q", got)
	}
}

func TestBinaryRefusesAWrongENVOY(t *testing.T) {
	t.Setenv("ENVOY", filepath.Join(t.TempDir(), "gone"))
	if _, err := Binary(); err == nil || errors.Is(err, ErrNoEnvoy) || !strings.Contains(err.Error(), "$ENVOY") {
		t.Errorf("got %v, want an error about $ENVOY that no test skips for", err)
	}
}

// In CI a missing Envoy is a failure.
func TestMustHave(t *testing.T) {
	tests := map[string]struct {
		env  map[string]string
		want bool
	}{
		"nowhere":  {},
		"CI":       {env: map[string]string{"CI": "true"}, want: true},
		"required": {env: map[string]string{"PORTREEVE_REQUIRE_ENVOY": "1"}, want: true},
		"CI off":   {env: map[string]string{"CI": "false", "PORTREEVE_REQUIRE_ENVOY": "0"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := mustHave(func(key string) string { return tc.env[key] }); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}
