<#
.SYNOPSIS
Installs Agent Relay for Codex: the installer of a release, or of a clone, with -With codex.
#>
$root = Join-Path $PSScriptRoot '..\..'
foreach ($script in 'install.ps1', 'xtask\dist\install.ps1') {
    $path = Join-Path $root $script
    if (Test-Path -LiteralPath $path -PathType Leaf) {
        & $path -With codex @args
        exit $LASTEXITCODE
    }
}
throw "$root holds no install.ps1"
