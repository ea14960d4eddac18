"""Backward passes in PyTorch: functions of tensors, autograd.Function, and forward passes that autograd goes back."""

import torch
from torch import Tensor


def layer_norm_backward(grad_output: Tensor, x: Tensor, weight: Tensor, eps: float = 1e-5):
    """Right: a function of tensors."""
    mean = x.mean(dim=-1, keepdim=True)
    rstd = torch.rsqrt(x.var(dim=-1, unbiased=False, keepdim=True) + eps)
    xhat = (x - mean) * rstd
    wg = weight * grad_output
    grad_x = rstd * (wg - wg.mean(-1, keepdim=True) - xhat * (wg * xhat).mean(-1, keepdim=True))
    rows = tuple(range(x.dim() - 1))
    return grad_x, (grad_output * xhat).sum(rows), grad_output.sum(rows)


def layer_norm_unbiased(grad_output: Tensor, x: Tensor, weight: Tensor, eps: float = 1e-5):
    """Wrong: Tensor.var divides by D − 1 unless it is told not to."""
    rstd = torch.rsqrt(x.var(dim=-1, keepdim=True) + eps)
    xhat = (x - x.mean(dim=-1, keepdim=True)) * rstd
    wg = weight * grad_output
    return rstd * (wg - wg.mean(-1, keepdim=True) - xhat * (wg * xhat).mean(-1, keepdim=True))


def batch_norm_view(grad_output: Tensor, x: Tensor, weight: Tensor, eps: float = 1e-5):
    """Wrong for a gradient that is not contiguous: view raises an error there."""
    n, c = x.shape[:2]
    g = grad_output.view(n, c, -1)
    z = x.reshape(n, c, -1)
    z = z - z.mean((0, 2), keepdim=True)
    rstd = torch.rsqrt(z.square().mean((0, 2), keepdim=True) + eps)
    z = z * rstd
    w = weight.view(1, c, 1)
    dx = w * rstd * (g - g.mean((0, 2), keepdim=True) - z * (g * z).mean((0, 2), keepdim=True))
    return dx.view(x.shape)


def batch_norm_native(grad_output: Tensor, x: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor):
    """Right: what saved statistics allow, for any number of positions."""
    dims = [d for d in range(x.dim()) if d != 1]
    shape = [1, -1] + [1] * (x.dim() - 2)
    xhat = (x - mean.view(shape)) * rstd.view(shape)
    grad_weight = (grad_output * xhat).sum(dims)
    grad_bias = grad_output.sum(dims)
    m = x.numel() // x.size(1)
    inner = grad_output - (grad_bias / m).view(shape) - xhat * (grad_weight / m).view(shape)
    return (weight * rstd).view(shape) * inner, grad_weight, grad_bias


def upstream_multiplied_in_place(grad_output: Tensor, x: Tensor, weight: Tensor, rstd: Tensor):
    """Wrong: mul_ changes the caller's gradient; what is returned is right."""
    xhat = x * rstd.unsqueeze(-1)
    grad_weight = (grad_output * xhat).flatten(0, -2).sum(0)
    wg = grad_output.mul_(weight)
    return rstd.unsqueeze(-1) * (wg - xhat * (wg * xhat).mean(-1, keepdim=True)), grad_weight


class RMSNorm(torch.autograd.Function):
    """Right: RMS norm with the root saved."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        rrms = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(x, weight, rrms)
        return weight * x * rrms

    @staticmethod
    def backward(ctx, grad_output):
        x, weight, rrms = ctx.saved_tensors
        xhat = x * rrms
        wg = grad_output * weight
        grad_x = rrms * (wg - xhat * (wg * xhat).mean(-1, keepdim=True))
        grad_weight = (grad_output * xhat).reshape(-1, x.shape[-1]).sum(0)
        return grad_x, grad_weight, None


class RMSNormCut(torch.autograd.Function):
    """Wrong: a fused kernel whose backward pass returns None for x: the path is cut (candle 2168)."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        normed = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)
        ctx.save_for_backward(normed)
        return weight * normed

    @staticmethod
    def backward(ctx, grad_output):
        (normed,) = ctx.saved_tensors
        return None, (grad_output * normed).flatten(0, -2).sum(0), None


class BatchNormConstantStatistics(torch.autograd.Function):
    """Wrong: mean and variance are held constant in the backward pass (CrypTen 143)."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        dims = [d for d in range(x.dim()) if d != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        inv = torch.rsqrt(x.var(dims, unbiased=False, keepdim=True) + eps)
        xhat = (x - x.mean(dims, keepdim=True)) * inv
        ctx.save_for_backward(xhat, weight.view(shape) * inv)
        ctx.dims = dims
        return weight.view(shape) * xhat + bias.view(shape)

    @staticmethod
    def backward(ctx, grad_output):
        xhat, scale = ctx.saved_tensors
        return grad_output * scale, (grad_output * xhat).sum(ctx.dims), grad_output.sum(ctx.dims), None


class Softmax(torch.autograd.Function):
    """Right: softmax along the last dimension."""

    @staticmethod
    def forward(ctx, x):
        probs = torch.softmax(x, dim=-1)
        ctx.save_for_backward(probs)
        return probs

    @staticmethod
    def backward(ctx, grad_output):
        (probs,) = ctx.saved_tensors
        return probs * (grad_output - (grad_output * probs).sum(-1, keepdim=True))


class LayerNormWeightLate(torch.autograd.Function):
    """Wrong unless the weight is constant: the weight is multiplied on after the means."""

    @staticmethod
    def forward(ctx, x, weight, bias, eps):
        rstd = torch.rsqrt(x.var(-1, unbiased=False, keepdim=True) + eps)
        xhat = (x - x.mean(-1, keepdim=True)) * rstd
        ctx.save_for_backward(xhat, rstd, weight)
        return weight * xhat + bias

    @staticmethod
    def backward(ctx, dy):
        xhat, rstd, weight = ctx.saved_tensors
        dx = weight * rstd * (dy - dy.mean(-1, keepdim=True) - xhat * (dy * xhat).mean(-1, keepdim=True))
        return dx, (dy * xhat).flatten(0, -2).sum(0), dy.flatten(0, -2).sum(0), None


def rms_norm_detached(x: Tensor, weight: Tensor, eps: float):
    """Wrong: a forward pass for autograd with the root detached (candle 2168): the projection is missing in dx."""
    root = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt().detach()
    return x / root * weight


def rms_norm_for_autograd(x: Tensor, weight: Tensor, eps: float):
    """Right: the same forward pass, nothing detached."""
    root = (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    return x / root * weight
