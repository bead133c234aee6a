package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/words"
	"github.com/portreeve/portreeve/translate/model"
)

// explaining is what explain is told.
type explaining struct {
	compileFlags
	gatewayFlags
	formatFlag
	shapeFlag
	questionFlags
	plane   adminClient
	details string
}

func explainCommand() *cobra.Command {
	var e explaining
	c := &cobra.Command{
		Use:   "explain [PATH...]",
		Short: "Say what a request gets, and why",
		Long: "Say what becomes of a request at a gateway and why, from the configuration that policy files become: every rule that matches, and of each that does not its first " +
			"condition that fails, with file and line. What the request does not say is not guessed: the answer says on what it depends. --details says what a string of an access log means.",
		Example: `  portreeve explain policy --request 'GET http://shop.example:8080/admin' -H 'x-user: alice' --token token.jwt
  portreeve explain policy --request 'GET http://shop.example:8080/' --claims '{"iss":"https://issuer.example","sub":"alice"}' --client-ip 203.0.113.7
  portreeve explain --admin-address 127.0.0.1:18001 --request 'GET http://shop.example:8080/'
  portreeve explain policy --details 'rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]'`,
		ValidArgsFunction: byEnding(policyEndings()...),
		RunE:              e.run,
	}
	e.compileFlags.register(c)
	e.gatewayFlags.register(c)
	e.shapeFlag.register(c)
	e.questionFlags.register(c)
	e.formatFlag.register(c, "text", "text", "json", "yaml")
	c.Flags().StringVar(&e.plane.address, "admin-address", "", "Admin address of a running control plane: what the gateway is served by it, in place of files.")
	takes(c, "admin-address", anAdminAddress())
	e.plane.register(c)
	c.Flags().StringVar(&e.details, "details", "", "A string of an access log (%RESPONSE_CODE_DETAILS%, or the key of a rule): say what it means and where the rule is written, and with --request which other rules refuse the request too.")
	return c
}

// forms are what a gateway is served, and the same policy rule by rule, in which all reasons are told.
type forms struct{ served, told envoy.Resources }

// ready makes a gateway ready to be asked.
func (f forms) ready() (*explain.Gateway, error) {
	out, err := explain.NewTold(f.served, f.told)
	if err != nil {
		return nil, fmt.Errorf("understand the configuration of the gateway: %w", err)
	}
	return out, nil
}

// agreed is an error where the two forms do not give the same. Neither is told then as if it were the answer.
func agreed(a explain.Answer) error {
	if a.Disagreement == "" {
		return nil
	}
	return fmt.Errorf("internal error: what the gateway is served is not the policy as it is written: %s. Report this; with --optimize=off gateways are served the policy rule by rule", a.Disagreement)
}

// subject is the gateway that is asked about.
type subject struct {
	forms
	policies []translate.Applying
	// unfetched are the sources of keys that serve would have fetched for it.
	unfetched []model.KeySource
}

func (e *explaining) run(c *cobra.Command, args []string) error {
	switch {
	case e.details == "" && e.request == "":
		return errors.New("give --request 'METHOD URL' or --details TEXT")
	case e.plane.address != "" && len(args) > 0:
		return errors.New("give a PATH or --admin-address, not both")
	case e.plane.address == "" && len(args) == 0 && e.details == "":
		return errors.New("name a file or directory of policy, or --admin-address of a control plane")
	}
	if e.details != "" {
		return e.tellDetails(c, args)
	}
	q, err := e.question(c)
	if err != nil {
		return err
	}
	of, err := e.subject(c, args)
	if err != nil {
		return err
	}
	gateway, err := of.ready()
	if err != nil {
		return err
	}
	answer := gateway.Ask(q.request)
	if err := agreed(answer); err != nil {
		return err
	}
	return e.tell(c, q, of, answer)
}

// subject renders the gateway, or asks who serves it.
func (e *explaining) subject(c *cobra.Command, args []string) (subject, error) {
	if e.plane.address != "" {
		served, err := fetchServed(c, &e.plane, e.gateway())
		return subject{forms: served}, err
	}
	program, err := compiled(c, args, e.compileFlags)
	if err != nil {
		return subject{}, err
	}
	unfetched := program.KeySourcesFor(e.gateway())
	program = program.WithKeys(unknownKeysOf(unfetched))
	served, told, refused := program.Both(e.gateway())
	if e.shape == shapeIstio {
		told, refused = program.WithConditions().Istio(e.gateway())
		served = told
		notePresence(c.ErrOrStderr(), program.Resources)
	}
	if len(refused) > 0 {
		printFindings(c.OutOrStdout(), refused)
		return subject{}, errFindings
	}
	return subject{forms{served, told}, program.PoliciesOf(e.gateway()), unfetched}, nil
}

// explained is what -o json prints.
type explained struct {
	Request asked          `json:"request"`
	Answer  explain.Answer `json:"answer"`
	// Notes are what to know beside the answer.
	Notes    []string             `json:"notes,omitempty"`
	Policies []translate.Applying `json:"policies,omitempty"`
}

// asked is the request, without what it holds of secrets.
type asked struct {
	Line   string    `json:"line"`
	Port   uint32    `json:"port"`
	Client string    `json:"client,omitempty"`
	At     time.Time `json:"at"`
}

// tell prints an answer. No token is in it, whether it was given or is made up from claims.
func (e *explaining) tell(c *cobra.Command, q question, of subject, answer explain.Answer) error {
	notes := words.Notes(words.Scene{Request: q.request, Answer: answer, Authorizers: words.Authorizers(of.told)})
	notes = append(notes, e.ofTokens(of, answer)...)
	out := q.withheld(c.OutOrStdout())
	data := explained{asked{q.line(), q.request.Port, e.client, q.request.At}, answer, notes, of.policies}
	err := e.print(out, data, func(w io.Writer) error {
		page := words.Page{Asked: q.line(), Answer: answer, Notes: notes}
		for _, p := range of.policies {
			page.Policies = append(page.Policies, words.Policy{Object: p.Object, At: p.Pos, WhyNot: p.WhyNot})
		}
		return words.Write(w, page, paintFor(c.OutOrStdout()))
	})
	if err != nil {
		return err
	}
	return out.flush()
}
