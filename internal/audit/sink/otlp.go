package sink

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/portreeve/portreeve/internal/audit"
)

// otlp delivers log records: the body is the whole line, attributes are what collectors route by.
type otlp struct {
	exporter sdklog.Exporter
	provider *sdklog.LoggerProvider
	logger   log.Logger
	records  *collected
	// secrets are in no error.
	secrets []string
	now     func() time.Time
}

func newOTLP(c OTLP, o Options) (Deliverer, error) {
	extra, err := headers(c.HeadersFile)
	if err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, errors.New("the endpoint is not an address")
	}
	exporter, err := c.exporter(endpoint, extra, o)
	if err != nil {
		return nil, err
	}
	d := &otlp{exporter: exporter, records: &collected{}, now: o.Now}
	for _, value := range extra {
		d.secrets = append(append(d.secrets, value), strings.Fields(value)...) // a token without its scheme too
	}
	about := resource.NewSchemaless(
		attribute.String("service.name", "portreeve"), attribute.String("service.version", o.Version), attribute.String("service.instance.id", o.Instance))
	// The limits of the SDK are those of the environment; a record is whole whatever that says.
	d.provider = sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(d.records), sdklog.WithAttributeValueLengthLimit(-1), sdklog.WithAttributeCountLimit(-1))
	d.logger = d.provider.Logger("io.portreeve.audit")
	return d, nil
}

// exporter makes that of the protocol. None tries again by itself, as that would lose the order.
func (c OTLP) exporter(endpoint *url.URL, extra map[string]string, o Options) (sdklog.Exporter, error) {
	config, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	if c.Protocol == ProtocolGRPC {
		return newGRPCExporter(endpoint, extra, config)
	}
	return newHTTPExporter(endpoint, extra, config, o)
}

// collected is a processor that keeps the records that are made, until they are exported.
type collected struct{ records []sdklog.Record }

// Enabled implements sdklog.Processor.
func (c *collected) Enabled(context.Context, sdklog.EnabledParameters) bool { return true }

// OnEmit implements sdklog.Processor.
func (c *collected) OnEmit(_ context.Context, r *sdklog.Record) error {
	c.records = append(c.records, r.Clone())
	return nil
}

// Shutdown implements sdklog.Processor.
func (c *collected) Shutdown(context.Context) error { return nil }

// ForceFlush implements sdklog.Processor.
func (c *collected) ForceFlush(context.Context) error { return nil }

// Deliver implements Deliverer.
func (d *otlp) Deliver(ctx context.Context, lines []audit.Line) error {
	d.records.records = nil
	for _, line := range lines {
		d.logger.Emit(ctx, d.record(line))
	}
	err := d.exporter.Export(ctx, d.records.records)
	d.records.records = nil
	var r *refusal
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return r
	}
	return errors.New(d.without(bare(err).Error()))
}

// maxErrorText bounds what is shown of what a receiver may have said.
const maxErrorText = 300

// without takes secrets out of a text, which a receiver may have said.
func (d *otlp) without(text string) string {
	for _, secret := range d.secrets {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return cut(text, maxErrorText)
}

func (d *otlp) record(line audit.Line) log.Record {
	e := read(line)
	var r log.Record
	r.SetEventName(e.Type)
	r.SetTimestamp(e.Time)
	r.SetObservedTimestamp(d.now())
	severity := otelSeverity(e.Data.Severity)
	r.SetSeverity(severity)
	r.SetSeverityText(severity.String())
	r.SetBody(attribute.StringValue(string(line.Bytes)))
	for name, value := range map[string]string{
		"cloudevents.event_type": e.Type, "cloudevents.event_source": e.Source, "cloudevents.event_subject": e.Subject,
		"portreeve.outcome": e.outcome(), "portreeve.sequence": e.Sequence, "portreeve.chainhash": e.ChainHash,
	} {
		if value != "" {
			r.AddAttributes(attribute.String(name, value))
		}
	}
	return r
}

// otelSeverity is the severity of OpenTelemetry of one of OCSF.
func otelSeverity(ocsf int) log.Severity {
	switch {
	case ocsf >= critical:
		return log.SeverityFatal
	case ocsf == high:
		return log.SeverityError
	case ocsf == medium:
		return log.SeverityWarn
	case ocsf == low:
		return log.SeverityInfo2
	}
	return log.SeverityInfo
}

// Close implements Deliverer.
func (d *otlp) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := d.exporter.Shutdown(ctx); err != nil {
		return fmt.Errorf("close the exporter: %w", err)
	}
	return nil
}
