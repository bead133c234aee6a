package authority

import (
	"context"
	"os"
)

// InitBefore is Init, with something that is called before each step and may keep it from being made.
func InitBefore(ctx context.Context, o Options, i InitOptions, before func(step string) error) (*Authority, Made, error) {
	return initialize(ctx, o, i, files{before})
}

// OpenBefore is Open, with something that is called before each step and may keep it from being made.
func OpenBefore(ctx context.Context, o Options, before func(step string) error) (*Authority, error) {
	return open(ctx, o, files{before})
}

// OpenPlace opens the directory of a pair.
func OpenPlace(dir string) (*os.Root, error) { return openPlace(dir) }
