package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain/words"
	"github.com/portreeve/portreeve/xds/ack"
)

func statusCommand() *cobra.Command {
	var format formatFlag
	var plane adminClient
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the gateways and what each was sent, accepted and refused",
		Long: "Show the latest generation of a running control plane and what is found of it, which gateways are connected, and what each of them was sent, accepted and refused. " +
			"The exit code is 1 where anything is refused.",
		Example: `  portreeve status
  portreeve status -o json | jq '.gateways[].node'
  portreeve status --admin-address https://127.0.0.1:18001 --admin-ca-file ca/ca.crt --admin-token-file admin.token`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			status, err := fetchStatus(c, &plane)
			if err != nil {
				return err
			}
			if err := format.print(c.OutOrStdout(), status, func(w io.Writer) error { return printStatus(w, status) }); err != nil {
				return err
			}
			if hasProblems(status) {
				return errFindings
			}
			return nil
		},
	}
	format.register(c, "text", "text", "json", "yaml")
	c.Flags().StringVar(&plane.address, "admin-address", "127.0.0.1:18001", "Admin address of the control plane: HOST:PORT, or https://HOST:PORT.")
	takes(c, "admin-address", anAdminAddress())
	plane.register(c)
	return c
}

func fetchStatus(c *cobra.Command, plane *adminClient) (admin.Status, error) {
	var out admin.Status
	err := plane.ask(c.Context(), "/debug/status", 5*time.Second, &out)
	return out, err
}

// hasProblems reports whether anything is refused.
func hasProblems(s admin.Status) bool {
	for _, g := range s.Gateways {
		for _, t := range g.Types {
			if t.State == ack.Refused {
				return true
			}
		}
	}
	return s.HeldByRecord != nil || s.Diagnostics.HasErrors() || slices.ContainsFunc(s.Groups, func(g admin.Group) bool { return g.Refused.HasErrors() })
}

func printStatus(w io.Writer, s admin.Status) error {
	paint := paintFor(w)
	ready := paint(words.Bad, "not ready")
	if s.Ready {
		ready = paint(words.Good, "ready")
	}
	if s.Latest != nil {
		fmt.Fprintf(w, "%s, generation %d (%s) of %s\n", ready, s.Latest.Seq, s.Latest.Hash, s.Latest.At.Format(time.RFC3339))
	}
	if held := s.HeldByRecord; held != nil {
		fmt.Fprintf(w, "generation %d (%s) is served to nobody since %s: the record does not take it: %s\n", held.Generation.Seq, held.Generation.Hash, held.Since.Format(time.RFC3339), held.Reason)
	}
	printChanges(w, s.Changes)
	printFindings(w, s.Diagnostics)
	for _, g := range s.Groups {
		switch {
		case g.Serving == nil && len(g.Waiting) > 0:
			fmt.Fprintf(w, "group %s (%s): waits for the keys of %s, listeners closed until then\n", g.Namespace, labelsText(g.Labels), strings.Join(g.Waiting, ", "))
		case len(g.Waiting) > 0:
			fmt.Fprintf(w, "group %s (%s): stays on generation %d (%s) until the keys of %s were asked for\n", g.Namespace, labelsText(g.Labels), g.Serving.Seq, g.Serving.Hash, strings.Join(g.Waiting, ", "))
		case g.Serving == nil:
			fmt.Fprintf(w, "group %s (%s): no good policy yet, listeners closed\n", g.Namespace, labelsText(g.Labels))
		case len(g.Refused) > 0:
			fmt.Fprintf(w, "group %s (%s): stays on generation %d (%s), the latest is refused\n", g.Namespace, labelsText(g.Labels), g.Serving.Seq, g.Serving.Hash)
		default:
			fmt.Fprintf(w, "group %s (%s): generation %d (%s)\n", g.Namespace, labelsText(g.Labels), g.Serving.Seq, g.Serving.Hash)
		}
		switch {
		case g.Serving == nil:
		case g.Enforcing == 0:
			fmt.Fprintln(w, "    nothing is enforced here")
		case !g.TokenRequired:
			fmt.Fprintln(w, "    nothing asks for a token here")
		}
		for _, f := range slices.Concat(g.Refused, g.Diagnostics) {
			if !slices.ContainsFunc(s.Diagnostics, func(told diag.Diagnostic) bool { return told.String() == f.String() }) {
				fmt.Fprintf(w, "    %s\n", f)
			}
		}
	}
	for _, m := range s.Moved {
		fmt.Fprintf(w, "gateway %s was in the group %s and is in %s, where nothing is enforced\n", m.Node, m.From, m.To)
	}
	printIdentities(w, s.Identities)
	printAlerts(w, s.Alerts)
	printState(w, s.Status.State)
	for _, k := range s.Keys {
		printKeys(w, k)
	}
	for _, c := range s.Certificates {
		printCertificate(w, c)
	}
	for _, g := range s.Gateways {
		printGateway(w, g)
	}
	return nil
}

// printChanges says what the latest generation has in place of the one before.
func printChanges(w io.Writer, c translate.Changes) {
	for _, kind := range []struct {
		what string
		of   translate.Objects
	}{{"added", c.Added}, {"changed", c.Changed}, {"removed", c.Removed}, {"cannot tell whether removed", c.Unread}} {
		if kind.of.Total == 0 {
			continue
		}
		fmt.Fprintf(w, "%s: %d\n", kind.what, kind.of.Total)
		for _, object := range kind.of.Named {
			by := ""
			if object.By != "" {
				by = ", left out by " + object.By
			}
			fmt.Fprintf(w, "    %s: %s%s\n", object.Pos, object.Object, by)
		}
	}
}

// printAlerts says which alerts are in force, where there are any.
func printAlerts(w io.Writer, a *admin.Alerts) {
	if a == nil || a.Count == 0 {
		return
	}
	fmt.Fprintf(w, "alerts: %d AuditAlert objects, of generation %d (%s)\n", a.Count, a.Generation.Seq, a.Generation.Hash)
	if len(a.Kept) > 0 {
		fmt.Fprintf(w, "    broken there, so they stay as they were: %s\n", strings.Join(a.Kept, ", "))
	}
}

// printIdentities says which mappings of identities are in force, where there are any, or that none is known.
func printIdentities(w io.Writer, i *admin.Identities) {
	switch {
	case i == nil:
		fmt.Fprintln(w, "identities: no mapping is known yet, so gateways that prove who they are are refused")
	case i.Count > 0:
		fmt.Fprintf(w, "identities: %d GatewayIdentity objects, of generation %d (%s)\n", i.Count, i.Generation.Seq, i.Generation.Hash)
	}
}

// printState says what of the state is not on disk. Where all is it says nothing.
func printState(w io.Writer, s *admin.State) {
	if s == nil {
		return
	}
	if s.Error != "" {
		fmt.Fprintf(w, "state %s: not on disk since %s: %s\n", s.Directory, s.UnwrittenSince.Format(time.RFC3339), s.Error)
	}
	if s.LeftOut > 0 {
		fmt.Fprintf(w, "state %s: no room for %d generations\n", s.Directory, s.LeftOut)
	}
}

// printCertificate says how long a certificate is still good.
func printCertificate(w io.Writer, c admin.Certificate) {
	name, kind, state := c.Name, "certificate", fmt.Sprintf("%d days left", c.DaysLeft)
	if c.Namespace != "" {
		name = c.Namespace + "/" + name
	}
	if c.Authority {
		kind = "authority"
	}
	if c.Expired {
		state = paintFor(w)(words.Bad, "EXPIRED")
	}
	of := strings.Join(c.Hosts, ", ")
	if of == "" {
		of = c.Subject
	}
	fmt.Fprintf(w, "%s %s (%s): %s, valid until %s", kind, name, of, state, c.NotAfter.Format(time.RFC3339))
	if !c.Serving {
		fmt.Fprint(w, ", not served")
	}
	fmt.Fprintln(w)
}

// printKeys says whose keys they are and, where something is wrong, since when, why and
// what happens next.
func printKeys(w io.Writer, k jwks.SourceStatus) {
	source := k.URI
	if source == "" {
		source = "issuer " + k.Issuer
	}
	fmt.Fprintf(w, "keys %s: %s, %d keys %v", source, k.State, k.Keys, k.KeyIDs)
	if !k.FetchedAt.IsZero() {
		fmt.Fprintf(w, ", fetched %s", k.FetchedAt.Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	if k.PublishedIssuer != "" {
		fmt.Fprintf(w, "    the issuer calls itself %s and the rule does not: its tokens are refused with 401; write issuer: %s\n", k.PublishedIssuer, k.PublishedIssuer)
	}
	if k.Error != "" {
		fmt.Fprintf(w, "    failed since %s: %s; next try %s\n", k.FailedSince.Format(time.RFC3339), k.Error, k.NextTry.Format(time.RFC3339))
	}
}

// identityText says what a gateway has proved, and for how long that holds.
func identityText(g ack.Gateway) string {
	if g.CertificateEnds.IsZero() {
		return cmp.Or(g.Identity, "not proved")
	}
	return g.Identity + " until " + g.CertificateEnds.UTC().Format(time.RFC3339)
}

func printGateway(w io.Writer, g ack.Gateway) {
	fmt.Fprintf(w, "gateway %s, Envoy %s, from %s (%s), identity %s, since %s\n",
		g.Node, cmp.Or(g.Envoy, "unknown"), g.Address, g.Protocol, identityText(g), g.Since.Format(time.RFC3339))
	for _, t := range g.Types {
		fmt.Fprintf(w, "  %-5s %s sent %s accepted %s\n", t.Name, stateText(t.State, paintFor(w)), cmp.Or(t.Sent.Version, "nothing"), cmp.Or(t.Accepted, "nothing"))
		if t.Count > len(t.Resources) {
			fmt.Fprintf(w, "    %d resources, of which /debug/status lists %d\n", t.Count, len(t.Resources))
		}
		if t.State == ack.Refused && t.Refusal != nil {
			fmt.Fprintf(w, "    refused %s %v: %s\n", t.Refusal.Version, t.Refusal.Resources, t.Refusal.Message)
			printOrigins(w, t.Refusal.Origins)
		}
	}
}

// stateText is a state in the width of its column.
func stateText(s ack.State, paint words.Paint) string {
	text := fmt.Sprintf("%-9s", s)
	if s == ack.Refused {
		return paint(words.Bad, text)
	}
	return text
}

// maxShownOrigins bounds the places that are printed of one refusal; /debug/status has more.
const maxShownOrigins = 10

// printOrigins says where what is refused was written.
func printOrigins(w io.Writer, origins []diag.Position) {
	for _, place := range origins[:min(len(origins), maxShownOrigins)] {
		fmt.Fprintf(w, "      written at %s\n", place)
	}
	if left := len(origins) - maxShownOrigins; left > 0 {
		fmt.Fprintf(w, "      and %d more places\n", left)
	}
}
