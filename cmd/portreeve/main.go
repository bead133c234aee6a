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
		Long:          rootHelp,
		Example:       rootExample,
		Version:       buildInfo().Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	grouped(family(root), groupCheck, "Write and check policy files:", validateCommand(), testCommand(), renderCommand(), schemaCommand(), docCommand())
	grouped(root, groupRun, "Run:", serveCommand(), bootstrapCommand(), statusCommand())
	grouped(root, groupAsk, "Ask what requests get:", explainCommand(), replayCommand())
	grouped(root, groupTrust, "Certificates, tokens and the record:", caCommand(), adminTokenCommand(), tokenCommand(), auditCommand())
	grouped(root, groupOther, "Other:", versionCommand(), referenceCommand())
	root.SetHelpCommandGroupID(groupOther)
	root.SetCompletionCommandGroupID(groupOther)
	root.RunE = nextSteps
	root.SetFlagErrorFunc(wrongFlag)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	return root
}

const rootHelp = `Portreeve reads Istio's JWT, authorization and routing policy from files, and serves it to Envoy gateways over ADS.

Findings and data are printed on standard output, everything else on standard error. Exit codes:
  0  nothing is wrong
  1  there are findings: policy is refused, a test fails, an answer changes, something is refused or was altered
  2  the command line cannot be run, or something cannot be read or reached`

const rootExample = `  portreeve validate policy
  portreeve explain policy --request 'GET http://shop.example/cart'
  portreeve serve --config policy
  portreeve bootstrap > envoy.yaml`
