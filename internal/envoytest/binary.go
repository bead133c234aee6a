package envoytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Version is the newest Envoy that Portreeve is tested with; tools/envoy.sh installs the others too.
const Version = "1.40"

// installed is where tools/envoy.sh puts Envoy, below the root of the repository.
const installed = ".tools/envoy-1.40.0/envoy/_bin/envoy"

// ErrNoEnvoy is what Binary's error wraps when this machine has no Envoy to offer.
var ErrNoEnvoy = errors.New("no Envoy " + Version + " on this machine: set ENVOY, or run tools/envoy.sh")

// Binary returns the path of an Envoy: $ENVOY, which is taken as it is, else envoy on PATH when
// it is a 1.40, else the one that tools/envoy.sh installed into .tools/ of the repository that
// the working directory is in. It installs nothing. The error wraps ErrNoEnvoy, except when
// $ENVOY is set and is not a program.
func Binary() (string, error) {
	if path := os.Getenv("ENVOY"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("take Envoy from $ENVOY: %w", err)
		}
		return filepath.Abs(found)
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		if found, err := release(context.Background(), path); err == nil && strings.HasPrefix(found, Version+".") {
			return path, nil
		}
	}
	return fromTools()
}

// release asks a binary for its version, which it prints as PATH  version: COMMIT/1.40.0/Clean/RELEASE/….
func release(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	_, said, _ := strings.Cut(string(out), " version: ")
	parts := strings.Split(said, "/")
	if len(parts) < 3 {
		return "", fmt.Errorf("ask %s for its version: it says %.100q", path, out)
	}
	return parts[1], nil
}

func fromTools() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("look for Envoy in .tools: %w", err)
	}
	for {
		path := filepath.Join(folder, filepath.FromSlash(installed))
		if _, err := exec.LookPath(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", ErrNoEnvoy
		}
		folder = parent
	}
}
