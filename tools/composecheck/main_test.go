package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	tests := map[string]struct {
		file string
		want string // part of the one finding; empty: none
	}{
		"good":                    {file: `services: {a: {image: "envoyproxy/envoy:v1.40.0", volumes: ["./policy:/policy:ro"], ports: ["127.0.0.1:8080:8080", "[::1]:8080:8080"]}, b: {build: ., depends_on: [a]}}`},
		"not YAML":                {file: "services: {", want: "yaml"},
		"no service":              {file: "services: {}", want: "no service"},
		"unknown field":           {file: "services: {a: {image: 'a:1', volums: []}}", want: "volums"},
		"unknown service":         {file: "services: {a: {image: 'a:1', depends_on: [b]}}", want: `undefined service "b"`},
		"neither image nor build": {file: "services: {a: {}}", want: "neither an image nor a build"},
		"floating image":          {file: "services: {a: {image: 'registry.test:5000/a'}}", want: "needs a fixed tag"},
		"latest image":            {file: "services: {a: {image: 'a:latest'}}", want: "needs a fixed tag"},
		"missing mount":           {file: "services: {a: {image: 'a:1', volumes: ['./nowhere:/x']}}", want: "nowhere"},
		"mount of a file":         {file: "services: {a: {image: 'a:1', volumes: ['./policy/a.yaml:/x']}}", want: "mount its directory"},
		"port on all addresses":   {file: "services: {a: {image: 'a:1', ports: ['8080:8080']}}", want: "port 8080 is published"},
		"port on another address": {file: "services: {a: {image: 'a:1', ports: ['0.0.0.0:80:8080']}}", want: "port 8080 is published"},
		"end of a service":        {file: `services: {a: {image: "a:1", depends_on: {b: {condition: service_completed_successfully}}}, b: {image: "b:1", restart: on-failure}}`},
		"end that never comes":    {file: `services: {a: {image: "a:1", depends_on: {b: {condition: service_completed_successfully}}}, b: {image: "b:1", restart: always}}`, want: "waits for the end of b"},
		"missing Dockerfile":      {file: "services: {a: {build: ./policy}}", want: "Dockerfile"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for path, text := range map[string]string{"compose.yaml": tc.file, "Dockerfile": "FROM scratch\n", "policy/a.yaml": ""} {
				path = filepath.Join(folder, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr strings.Builder
			code := run([]string{filepath.Join(folder, "compose.yaml")}, &stdout, &stderr)
			got := stdout.String()
			if tc.want == "" && (code != 0 || got != "") {
				t.Errorf("exit %d, %s; want nothing", code, got)
			}
			if tc.want != "" && (code != 1 || !strings.Contains(got, tc.want)) {
				t.Errorf("exit %d, %q; want 1 and %q", code, got, tc.want)
			}
		})
	}
}
