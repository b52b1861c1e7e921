<#
.SYNOPSIS
Installs Agent Relay: the program agent-relay, and what is asked for besides.

.DESCRIPTION
The programs are taken from the unpacked release in which this script lies; else from -From: a
folder, or the address of a folder of releases. The SHA-256 digest of an archive must be the one
beside it. What is left over on the command line goes to `codex-relay install`: --yes and the like.
`agent-relay upgrade` brings newer programs.

.PARAMETER With
Providers, separated by commas, whose programs and plugins are installed, too: claude, codex,
telegram, or all.

.PARAMETER From
A folder that has the programs, or the address of a folder of releases [AGENT_RELAY_RELEASES].

.PARAMETER Version
The version to fetch; the latest otherwise.

.PARAMETER Dir
Where the programs go [INSTALL_DIR, else .local\bin in the home folder].

.PARAMETER DryRun
Says what would be done, and does nothing.
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [string[]] $With = @(),
    [string] $From = $env:AGENT_RELAY_RELEASES,
    [string] $Version = '',
    [string] $Dir = $env:INSTALL_DIR,
    [switch] $DryRun,
    [Parameter(ValueFromRemainingArguments = $true)] [string[]] $InstallOptions = @()
)
Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'

$releases = 'https://github.com/agent-relay/agent-relay/releases'
$data = Join-Path $env:APPDATA 'agent-relay\data'
$known = [ordered]@{
    claude = 'agent-relay-claude.exe'; codex = 'codex-relay.exe'; telegram = 'agent-relay-telegram.exe'
}
$programs = @('agent-relay.exe')
foreach ($provider in ($With -split ',' | Where-Object { $_ })) {
    if ($provider -eq 'all') { $programs += @($known.Values); continue }
    if (-not $known.Contains($provider)) { throw "$provider is none of claude, codex, telegram, all" }
    $programs += $known[$provider]
}
$programs = @($programs | Select-Object -Unique)

function Test-Programs([string] $Place) {
    foreach ($program in $programs) {
        if (-not (Test-Path -LiteralPath (Join-Path $Place $program) -PathType Leaf)) { return $false }
    }
    return $true
}

if ($Version -and $Version -notmatch '^v?[0-9A-Za-z.+-]+$') { throw "$Version is no version" }
$Version = $Version -replace '^v', ''
if (-not $Dir) { $Dir = Join-Path $HOME '.local\bin' }

$source = $null
$work = $null
try {
    if ($From -and $From -notmatch '://') {
        $source = $From
    } elseif (-not $From) {
        $From = $releases
        if ($PSScriptRoot -and (Test-Programs $PSScriptRoot)) { $source = $PSScriptRoot }
    }

    if ($source) {
        if (-not (Test-Programs $source)) { throw "$source has not all of: $programs" }
        Write-Host "the programs are those in $source"
    } else {
        if ($From -ne $releases) {
            if ($Version) { $From = "$($From.TrimEnd('/'))/v$Version" }
        } elseif ($Version) {
            $From = "$From/download/v$Version"
        } else {
            $From = "$From/latest/download"
        }
        $machine = if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { 'aarch64' } else { 'x86_64' }
        $name = "agent-relay-$machine-pc-windows-msvc.tar.gz"
        $address = "$($From.TrimEnd('/'))/$name"
        Write-Host "fetch   $address, and check it against $name.sha256"
        if (-not $DryRun) {
            $work = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
            New-Item -ItemType Directory -Path $work | Out-Null
            $archive = Join-Path $work $name
            Invoke-WebRequest -UseBasicParsing -Uri $address -OutFile $archive
            Invoke-WebRequest -UseBasicParsing -Uri "$address.sha256" -OutFile "$archive.sha256"
            $expected = ((Get-Content -LiteralPath "$archive.sha256" -Raw).Trim() -split '\s+')[0]
            if ($expected -notmatch '^[0-9A-Fa-f]{64}$') { throw "$name.sha256 holds no digest" }
            if ((Get-FileHash -LiteralPath $archive -Algorithm SHA256).Hash -ne $expected) {
                throw "$name is not what its digest says; nothing was installed"
            }
            $unpacked = Join-Path $work 'unpacked'
            New-Item -ItemType Directory -Path $unpacked | Out-Null
            # Windows has it since 2018.
            tar -xzf $archive -C $unpacked
            if ($LASTEXITCODE) { throw "$name cannot be unpacked" }
            $places = @($unpacked) + @(Get-ChildItem -LiteralPath $unpacked -Directory | ForEach-Object FullName)
            foreach ($place in $places) {
                if (-not $source -and (Test-Programs $place)) { $source = $place }
            }
            if (-not $source) { throw "$name has not all of: $programs" }
        }
    }

    foreach ($program in $programs) {
        Write-Host "install $(Join-Path $Dir $program)"
        if (-not $DryRun) {
            New-Item -ItemType Directory -Force -Path $Dir | Out-Null
            Copy-Item -Force -LiteralPath (Join-Path $source $program) -Destination $Dir
        }
    }
    # The plugin lies in the data folder, where `agent-relay upgrade` renews it.
    if ($programs -contains $known.claude) {
        Write-Host "install $(Join-Path $data 'claude'): the plugin of Claude Code"
        if (-not $DryRun) {
            $market = Join-Path $data 'claude'
            if (Test-Path -LiteralPath $market) { Remove-Item -Recurse -Force -LiteralPath $market }
            New-Item -ItemType Directory -Force -Path (Join-Path $market 'providers') | Out-Null
            Copy-Item -Recurse -LiteralPath (Join-Path $source '.claude-plugin') -Destination $market
            Copy-Item -Recurse -LiteralPath (Join-Path $source 'providers\claude') -Destination (Join-Path $market 'providers')
        }
    }
} finally {
    if ($work) { Remove-Item -Recurse -Force -LiteralPath $work }
}

if (($env:Path -split ';') -notcontains $Dir) {
    Write-Warning "$Dir is not on Path; add it in the settings of your account"
    $env:Path = "$Dir;$env:Path"
}
if ($programs -contains $known.claude) {
    $market = Join-Path $data 'claude'
    if (Get-Command claude -ErrorAction SilentlyContinue) {
        Write-Host "run     claude plugin marketplace add $market"
        if (-not $DryRun) { claude plugin marketplace add $market }
        Write-Host 'run     claude plugin install agent-relay@agent-relay'
        if (-not $DryRun) { claude plugin install agent-relay@agent-relay }
    } else {
        Write-Host "next: claude plugin marketplace add '$market'"
        Write-Host '      claude plugin install agent-relay@agent-relay'
    }
}
if ($programs -contains $known.codex) {
    Write-Host "run     $(Join-Path $Dir 'codex-relay.exe') install $InstallOptions"
    if (-not $DryRun) {
        & (Join-Path $Dir 'codex-relay.exe') install @InstallOptions
        exit $LASTEXITCODE
    }
}
if (-not $DryRun) { Write-Host 'next: agent-relay setup' }
