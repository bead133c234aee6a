// Command portreeve is an Istio-compatible control plane for Envoy gateways that run
// without Kubernetes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes: findings are what a person has to mend, usage and I/O errors everything else.
const (
	exitClean    = 0
	exitFindings = 1
	exitUsage    = 2
)

// errFindings says that findings have been printed already.
var errFindings = errors.New("findings")

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	default:
		fmt.Fprintf(stderr, "portreeve: %v\n", err)
		return exitUsage
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "portreeve",
		Short:         "Istio's JWT and authorization policy for Envoy gateways without Kubernetes",
		Version:       buildInfo().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(serveCommand(), bootstrapCommand(), validateCommand(), testCommand(), renderCommand(), explainCommand(), replayCommand(), statusCommand(), auditCommand(), tokenCommand(), adminTokenCommand(), caCommand(), schemaCommand(), docCommand(), versionCommand(), referenceCommand())
	return root
}
