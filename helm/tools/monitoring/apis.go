// Package apis names the Go types of prometheus-operator and KEDA of which custom resource definitions are generated.
package apis

import (
	_ "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
	_ "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)
