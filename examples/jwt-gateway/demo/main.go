// Command demo plays the tutorial "Enable JWT authentication on an ingress gateway" on this
// machine: a backend, the control plane and a stock Envoy, and the requests of the tutorial.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	once := flag.Bool("once", false, "Exit after the table, with 1 when a row differs.")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, *once)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, once bool) int { //nolint:revive // the flag of the command line
	if err := portsAreFree(); err != nil {
		return fail(err)
	}
	s, err := start(ctx)
	if err != nil {
		return fail(err)
	}
	defer s.stop()
	same, err := table(ctx, os.Stdout)
	if err != nil {
		return fail(err)
	}
	if once {
		if !same {
			return 1
		}
		return 0
	}
	fmt.Print(hints)
	select {
	case <-ctx.Done():
		return 0
	case err := <-s.failed:
		return fail(err)
	}
}

func fail(err error) int {
	fmt.Fprintf(os.Stderr, "demo: %v\n", err)
	return 2
}

const hints = `
The gateway is http://127.0.0.1:8080. Try, in another terminal:

  TOKEN=$(cat examples/jwt-gateway/token.txt)
  curl -i http://127.0.0.1:8080/productpage
  curl -i http://127.0.0.1:8080/productpage -H "Authorization: Bearer $TOKEN"

Then edit examples/jwt-gateway/policy/jwt-policy.yaml (another path, or the mode
BYPASS_AUTH_IF_MATCHED), save it, and ask again. Break it, and see that the last good
policy stays:

  bin/portreeve status

Ctrl-C ends the demo.
`
